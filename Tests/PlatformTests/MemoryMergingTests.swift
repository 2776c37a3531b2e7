// Merging equal pages: what is said where it does not work, and that it is asked for.
import Glibc
import Testing

@testable import Platform

@Suite struct MemoryMergingTests {
  @Test func whatTheKernelAnswersIsToldApart() {
    func obstacle(_ code: Int32) -> MemoryMerging.Obstacle {
      MemoryMerging.obstacle(SystemCallError("prctl", code: code), release: "6.1.0-18-amd64")
    }
    #expect(obstacle(EINVAL) == .unknown(release: "6.1.0-18-amd64"))
    #expect(obstacle(EPERM) == .refused)
    #expect(obstacle(ENOMEM) == .failed(SystemCallError("prctl", code: ENOMEM)))
    #expect(obstacle(EINVAL).sentence.contains("Linux 6.1.0-18-amd64 cannot do it"))
    #expect(obstacle(EPERM).sentence.contains("CAP_SYS_RESOURCE"))
    #expect(obstacle(ENOMEM).sentence.contains("prctl: "))
    #expect(
      MemoryMerging.Obstacle.notRunning.sentence.contains("`echo 1 > /sys/kernel/mm/ksm/run`"))
  }

  /// In a child: what was asked for cannot be taken back without work. Its children inherit it.
  @Test func itIsAskedForAndInherited() throws {
    let child = try Process.fork()
    if child == 0 {
      switch MemoryMerging.begin() {
      case .unknown, .refused: _exit(0)
      case .failed: _exit(1)
      case nil, .notRunning: break
      }
      let grandchild = (try? Process.fork()) ?? -1
      if grandchild == 0 {
        // Kernels that do not say are believed.
        let text = SmallFile.text("/proc/self/ksm_stat", mostBytes: 1024) ?? ""
        _exit(text.contains("ksm_merge_any: no") ? 2 : 0)
      }
      var status: Int32 = -1
      _exit(unsafe waitpid(grandchild, &status, 0) == grandchild && status == 0 ? 0 : 3)
    }
    var status: Int32 = -1
    #expect(unsafe waitpid(child, &status, 0) == child && status == 0)
  }
}
