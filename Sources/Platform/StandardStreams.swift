// StandardStreams: descriptors 0, 1 and 2 are open in every process of the server. Edge.
internal import CLinux
internal import Glibc

/// Standard input, output and error.
public enum StandardStreams {
  /// Opens /dev/null on those that are closed; the others stay as they are.
  ///
  /// Without this, the first sockets and files that are opened would take their numbers, and what
  /// is written to standard error would end up in them. Where /dev/null cannot be opened, nothing
  /// happens.
  public static func openMissing() {
    while true {
      // open(2) gives the lowest free number. Not close-on-exec: the next program needs them too.
      let number = unsafe clinux_open("/dev/null", O_RDWR, 0)
      if number <= STDERR_FILENO && number >= 0 { continue }
      if number > STDERR_FILENO { _ = close(number) }
      return
    }
  }
}
