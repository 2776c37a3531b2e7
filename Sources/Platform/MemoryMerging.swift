// MemoryMerging: lets the kernel keep equal pages of several processes once (KSM). Edge.
internal import CLinux
internal import Glibc

/// Kernel samepage merging of whole processes (Documentation/admin-guide/mm/ksm.rst, and
/// PR_SET_MEMORY_MERGE(2const)): the kernel's thread ksmd compares anonymous pages and keeps equal
/// ones once, until somebody writes to them.
///
/// - Since Linux 6.4 a process asks for it with prctl(2), and its children inherit it by fork. exec
///   clears it before Linux 6.7, so the process that forks has to ask.
/// - The kernel itself wants no privilege. A seccomp filter may refuse it with EPERM, and so do
///   kernels that carry an early form of the change, which wanted CAP_SYS_RESOURCE.
/// - ksmd works while `/sys/kernel/mm/ksm/run` says 1, which only root of the machine can write,
///   and which holds for the whole machine.
public enum MemoryMerging {
  /// What keeps pages from being merged.
  public enum Obstacle: Equatable, Sendable {
    /// The kernel, of this release, does not know of it: older than 6.4, or without CONFIG_KSM.
    case unknown(release: String)
    /// The kernel refuses, with EPERM.
    case refused
    /// The call failed otherwise.
    case failed(SystemCallError)
    /// Allowed, but ksmd does not work; so far, as it may be started at any time.
    case notRunning

    /// What is missing and who can change it, in one sentence without a full stop.
    public var sentence: String {
      switch self {
      case .unknown(let release):
        "equal pages are not merged, though --merge-pages is set: Linux \(release) cannot do it, "
          + "which takes 6.4 or newer with CONFIG_KSM"
      case .refused:
        "equal pages are not merged, though --merge-pages is set: the kernel does not permit it "
          + "(prctl PR_SET_MEMORY_MERGE, EPERM); allow it in the seccomp profile of the container "
          + "or service, or give the server CAP_SYS_RESOURCE"
      case .failed(let error):
        "equal pages are not merged, though --merge-pages is set: \(error)"
      case .notRunning:
        "equal pages are not merged yet, though --merge-pages is set: the kernel's ksmd does not "
          + "run; root of the machine (of the host, for a container) starts it with "
          + "`echo 1 > \(MemoryMerging.runFile)`"
      }
    }
  }

  static let runFile = "/sys/kernel/mm/ksm/run"
  /// Of linux/prctl.h, which may be older than the kernel.
  private static let setMemoryMerge: Int32 = 67

  /// Lets the kernel merge the pages that this process has and will have, and those of the children
  /// that it forks from now on. Costs nothing by itself: ksmd's work shows as the kernel's time.
  ///
  /// - Returns: what stands in the way; nil where nothing does.
  public static func begin() -> Obstacle? {
    if clinux_prctl(setMemoryMerge, 1) != 0 {
      return obstacle(SystemCallError("prctl"), release: release)
    }
    // What cannot be read, in a container without /sys, is not worth a warning.
    return KernelText.number(runFile).flatMap { $0 == 1 ? nil : .notRunning }
  }

  static func obstacle(_ error: SystemCallError, release: String) -> Obstacle {
    switch error.code {
    case EINVAL: .unknown(release: release)
    case EPERM: .refused
    default: .failed(error)
    }
  }

  private static var release: String {
    let text = SmallFile.text("/proc/sys/kernel/osrelease", mostBytes: 128) ?? ""
    return text.split(separator: "\n").first.map(String.init) ?? "of this release"
  }
}
