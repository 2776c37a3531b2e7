// Surplus: how what is too much comes down, late and in steps. Pure.

/// Too much of something, and since when.
///
/// It goes only after what is needed was less for ``LoadlinePolicy/hysteresisMs``, measured by the
/// highest need of that time; then half of it, so that after a peak a few steps lead down.
struct Surplus: Equatable, Sendable {
  private var sinceMs: Int64?
  private var peak = 0

  /// There is not too much.
  mutating func end() { sinceMs = nil }

  /// How many of `have`, more than the `wanted`, are to go now; 0 before the time is up, or where
  /// `mayGo` is false.
  mutating func toGo(have: Int, wanted: Int, nowMs: Int64, mayGo: Bool = true) -> Int {
    guard let since = sinceMs else {
      sinceMs = nowMs
      peak = wanted
      return 0
    }
    peak = max(peak, wanted)
    guard nowMs - since >= LoadlinePolicy.hysteresisMs, mayGo else { return 0 }
    // Less than nothing where some went of themselves since the peak.
    let surplus = max(0, have - peak)
    sinceMs = nowMs
    peak = wanted
    return (surplus + 1) / 2
  }
}
