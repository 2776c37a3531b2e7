// GrowthLedger: at which URLs a worker took more memory. Assembly.
internal import Control

/// The page faults of one handler thread, looked at so seldom that requests do not notice.
///
/// A look costs 0.4 µs, of the 9 µs of a short request: so there is one in a millisecond at most,
/// after the request that runs then. A rise of ``leastPages`` is worth reading how much the process
/// has grown (8 µs); where it has, the thread looks after each of its next requests, so that growth
/// is told by the request.
struct FaultTrail {
  /// Pages that are worth a proper look.
  static let leastPages: Int64 = 64
  /// Time between two looks, microseconds.
  static let everyUs: Int64 = 1_000
  /// Requests that are looked at one by one after one that made the process grow.
  static let closeRequests = 64

  /// When to look next, by CLOCK_MONOTONIC in microseconds; 0: after the next request.
  private(set) var nextLookUs: Int64 = 0
  /// Faults when the rise began; negative before the first look.
  private var baseFaults: Int64 = -1
  private var latestFaults: Int64 = 0
  private var closeLeft = 0

  /// What a look came to.
  enum Finding: Equatable {
    /// Nothing to follow up.
    case quiet
    /// Many pages since the last finding, half of them or more since the last look.
    case oneRequest
    /// As many, little by little.
    case several
  }

  /// The thread has had so many faults when a request ended. Allocates: never.
  mutating func look(faults: Int64, nowUs: Int64) -> Finding {
    nextLookUs = closeLeft > 0 ? 0 : nowUs &+ Self.everyUs
    closeLeft = max(0, closeLeft - 1)
    defer { latestFaults = faults }
    guard baseFaults >= 0 else {
      baseFaults = faults
      return .quiet
    }
    let rise = faults &- baseFaults
    guard rise >= Self.leastPages else { return .quiet }
    baseFaults = faults
    return (faults &- latestFaults) &* 2 >= rise ? .oneRequest : .several
  }

  /// The process has grown: looks after each of the next requests.
  mutating func lookClosely() {
    closeLeft = Self.closeRequests
    nextLookUs = 0
  }
}

/// The growth of a worker, path by path: few of them, the largest.
///
/// Only what exceeds the most that the process ever had counts, so that memory which is taken and
/// given back by turns is nobody's growth. Two requests at a time are not told apart: one of them
/// is held to have taken what both took. Nor are two that use the same memory by turns: where one
/// needs much for a moment and another keeps some of what that gave back, the former takes the new
/// pages.
struct GrowthLedger {
  /// Paths that are kept.
  static let mostRows = 16
  /// Bytes of a path that are kept.
  static let pathBytes = 64

  private struct Row {
    let path: String
    var bytes: Int64 = 0
    var requests: Int32 = 0
    /// Whether all of `bytes` came with one of `requests`.
    var isExact = true
  }

  private var rows: [Row] = []
  private var mostBytes: Int64

  /// Begins with a process that has so much memory of its own.
  init(anonymousBytes: Int64) {
    mostBytes = anonymousBytes
    rows.reserveCapacity(Self.mostRows)
  }

  /// How much more memory the process has than it ever had, if it has `anonymousBytes`; 0 where it
  /// has not. Allocates: never.
  func growth(to anonymousBytes: Int64) -> Int64 { max(0, anonymousBytes &- mostBytes) }

  /// The request with this request line, which `finding` is about, brought the process to so much
  /// memory. Allocates: where the process has grown.
  mutating func note(
    _ requestLine: String, _ finding: FaultTrail.Finding, anonymousBytes: Int64
  ) {
    let grown = growth(to: anonymousBytes)
    guard grown > 0, finding != .quiet else { return }
    mostBytes = anonymousBytes
    let index = row(for: Self.path(of: requestLine))
    rows[index].bytes &+= grown
    rows[index].requests &+= 1
    if finding == .several { rows[index].isExact = false }
  }

  /// `/leak/` of `GET /leak/?page=1 HTTP/1.1`, which may be cut anywhere.
  static func path(of requestLine: String) -> String {
    let words = requestLine.utf8.split(
      separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard words.count > 1 else { return "" }
    let path = words[1].prefix { $0 != UInt8(ascii: "?") }
    return String(decoding: path.prefix(pathBytes), as: UTF8.self)
      + (path.count > pathBytes ? "…" : "")
  }

  /// The row of a path. A new one takes the place of the smallest where there is no other: what is
  /// more than half of the growth outlasts that.
  private mutating func row(for path: String) -> Int {
    if let index = rows.firstIndex(where: { $0.path == path }) { return index }
    if rows.count < Self.mostRows {
      rows.append(Row(path: path))
      return rows.count - 1
    }
    let smallest = rows.indices.min { rows[$0].bytes < rows[$1].bytes } ?? 0
    rows[smallest] = Row(path: path)
    return smallest
  }

  /// The path that stands out among what made the process grow by `grownBytes`: more than half of
  /// it; nil where none does.
  func source(ofBytes grownBytes: Int64) -> ControlMessage.GrowthSource? {
    guard let most = rows.max(by: { $0.bytes < $1.bytes }), most.bytes > grownBytes / 2 else {
      return nil
    }
    return ControlMessage.GrowthSource(
      path: most.path, kibibytes: Int32(clamping: most.bytes >> 10),
      requests: most.isExact ? most.requests : 0)
  }
}
