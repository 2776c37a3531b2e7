// Classes of service times: their bounds, and what is beyond them.
import Reporting
import Testing

@Suite struct ServiceTimesTests {
  @Test func aBoundCountsBelowIt() {
    #expect(ServiceTimes.boundsUs.count == ServiceTimes.classes - 1)
    for (index, bound) in ServiceTimes.boundsUs.enumerated() {
      #expect(ServiceTimes.index(us: bound - 1) == index)
      #expect(ServiceTimes.index(us: bound) == index)
      #expect(ServiceTimes.index(us: bound + 1) == index + 1)
    }
  }

  @Test func everythingHasAClass() {
    #expect(ServiceTimes.index(us: .min) == 0 && ServiceTimes.index(us: 0) == 0)
    #expect(ServiceTimes.index(us: .max) == ServiceTimes.classes - 1)
  }
}
