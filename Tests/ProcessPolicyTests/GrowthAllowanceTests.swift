// GrowthAllowanceTests: what growth is a leak, and what was only loaded late.
import Testing

@testable import ProcessPolicy

private let megabyte: Int64 = 1 << 20

@Suite struct GrowthAllowanceTests {
  @Test(arguments: [(1, 50), (4, 12), (10, 5), (13, 4), (150, 4)])
  func halfOfTheRoomInEqualPartsButNotTooLittle(workers: Int, megabytes: Int64) {
    let bytes = GrowthAllowance().bytes(roomBytes: 100 * megabyte, grownBytes: 0, workers: workers)
    #expect(bytes / megabyte == megabytes)
  }

  @Test(arguments: [(7, true), (8, false), (9, false)])
  func onlyTheFirstRequestsCountAsLateLoading(requests: Int64, isLate: Bool) {
    var allowance = GrowthAllowance()
    allowance.outgrew(grownBytes: 6 * megabyte, afterRequests: requests)
    #expect(allowance.lateBytes == (isLate ? 9 * megabyte : 0))
  }

  @Test func whatIsLoadedLateIsAllowedWhereAllCanHaveIt() {
    var allowance = GrowthAllowance()
    allowance.outgrew(grownBytes: 8 * megabyte, afterRequests: 1)
    allowance.outgrew(grownBytes: 5 * megabyte, afterRequests: 0)
    // 60 MB have been taken and 20 are left: 8 MB for each of ten, 12 for each of six.
    let bytes = [10, 6].map {
      allowance.bytes(roomBytes: 20 * megabyte, grownBytes: 60 * megabyte, workers: $0)
    }
    #expect(bytes == [8 * megabyte, 12 * megabyte])
    #expect(allowance.bytes(roomBytes: 20 * megabyte, grownBytes: 0, workers: 10) == 4 * megabyte)
  }

  @Test func aLeakOfOneMegabyteEachRequestDoesNotRaiseItForEver() {
    var allowance = GrowthAllowance()
    for _ in 0..<100 {
      let bytes = allowance.bytes(roomBytes: 0, grownBytes: 1 << 40, workers: 1)
      // It is noticed with the first request that makes it too much.
      let requests = bytes / megabyte + 1
      allowance.outgrew(grownBytes: requests * megabyte, afterRequests: requests)
    }
    #expect(allowance.lateBytes < 13 * megabyte)
  }

  @Test(arguments: [Int64.min, -1, 0, .max])
  func extremesDoNotTrap(bytes: Int64) {
    var allowance = GrowthAllowance()
    allowance.outgrew(grownBytes: bytes, afterRequests: 0)
    #expect(
      allowance.bytes(roomBytes: bytes, grownBytes: bytes, workers: 0)
        >= GrowthAllowance.leastBytes)
    #expect(GrowthAllowance.expectedBytes(takenBytes: bytes, grownBytes: bytes) >= 0)
  }
}
