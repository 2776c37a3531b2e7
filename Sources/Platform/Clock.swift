// Clock: the two clocks of the server. Edge.
internal import CLinux
internal import Glibc

/// Readings of clock_gettime(2). Allocates: never.
public enum Clock {
  /// Milliseconds of CLOCK_MONOTONIC: for time-outs and durations.
  public static func monotonicMs() -> Int64 {
    var now = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) &* 1000 &+ Int64(now.tv_nsec) / 1_000_000
  }

  /// Microseconds of CLOCK_MONOTONIC.
  public static func monotonicMicroseconds() -> Int64 {
    var now = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) &* 1_000_000 &+ Int64(now.tv_nsec) / 1000
  }

  /// CPU time that the process has taken so far, in milliseconds (CLOCK_PROCESS_CPUTIME_ID). A
  /// system call.
  public static func processCPUMs() -> Int64 { processCPUMicroseconds() / 1000 }

  /// The same in microseconds: what a few system calls cost is the difference of two.
  public static func processCPUMicroseconds() -> Int64 {
    var used = timespec()
    unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used)
    return Int64(used.tv_sec) &* 1_000_000 &+ Int64(used.tv_nsec) / 1000
  }

  /// Microseconds since 1970 (CLOCK_REALTIME): for dates and logs.
  public static func realMicroseconds() -> Int64 {
    var now = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec) &* 1_000_000 &+ Int64(now.tv_nsec) / 1000
  }

  /// Seconds since 1970, of the last timer tick (CLOCK_REALTIME_COARSE): for the Date field.
  public static func realSeconds() -> Int64 {
    var now = timespec()
    unsafe clock_gettime(CLOCK_REALTIME_COARSE, &now)
    return Int64(now.tv_sec)
  }

  /// Seconds that local time is east of UTC now (localtime_r(3)). Reads the time zone: not for hot
  /// paths.
  public static func utcOffsetSeconds() -> Int {
    var now = time_t(realSeconds())
    var parts = unsafe tm()
    unsafe localtime_r(&now, &parts)
    return unsafe parts.tm_gmtoff
  }
}
