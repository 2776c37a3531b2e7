// ControlMessage: what supervisor, mold and workers say to each other. Pure.

/// Why a worker goes by itself.
public enum RetireReason: Int32, CaseIterable, Sendable {
  /// It has served `--max-requests`.
  case requests
  /// It has had `--max-connections-per-child`.
  case connections
  /// It was sent SIGTERM.
  case signal
  /// It is over `--memory-limit`.
  case memory
}

/// One message of a control channel (a Unix SOCK_SEQPACKET pair). The supervisor holds one end;
/// the mold or a worker the other. End of file on a channel means that the other side died.
///
/// Supervisor, molds, workers and fronts are of one release, but for the time of an upgrade
/// (docs/decisions/0008-upgrade-in-place.md): so `drain`, `finish`, `stop`, `reopenLogs`, `retire`
/// and `lanes`, and `retiring`, `outgrown`, `scouted`, `becameMold` and `laneEnded` keep their
/// bytes for ever, and numbers of tags are never used again.
public enum ControlMessage: Equatable, Sendable {
  // Supervisor to mold.
  /// Fork a worker for scoreboard slot `slot`; its channel comes along as a descriptor. A scout
  /// serves with one thread, and becomes a mold after some requests.
  case fork(slot: Int, isScout: Bool = false)
  // Supervisor to mold or worker.
  /// Finish what is in hand, accept nothing new, exit. Idle keep-alive connections get a last
  /// request answered with `Connection: close` until their time-out.
  case drain
  /// The server ends gracefully: drain, and take what waits in the backlog, because no other worker
  /// will.
  case finish
  /// Like finish, but idle connections are closed at once.
  case stop
  /// Logs were reopened; the new error log and access log come along as descriptors, in this
  /// order; the access log's only where there is one.
  case reopenLogs
  /// To a worker: the time for its requests is over; interrupt them and exit.
  case giveUp
  // Supervisor to front or worker.
  /// Sockets between a front and the worker with `pid` in slot `slot` of the scoreboard of process
  /// group `group` come along; the first of them has the word `first` of that slot. At most 16 at a
  /// time.
  case lanes(group: Int, slot: Int, pid: Int32, first: Int)
  /// Memory that a front and the worker with `pid` in slot `slot` of group `group` share for the
  /// lanes with the words from `first` on, the worker's bell and the front's come along, in this
  /// order. It comes before its lanes.
  case letterbox(group: Int, slot: Int, pid: Int32, first: Int)
  /// To a front: the worker with `pid` gets no more requests.
  case retire(pid: Int32)
  /// From a front: a lane of the worker with `pid` ended, which had this word of its slot.
  case laneEnded(slot: Int, pid: Int32, word: Int)
  /// From a front: a request waits for a process group that has no worker.
  case wanted(group: Int)
  // Mold or worker to supervisor.
  /// Mold: the application is about to be loaded by this version of Python.
  case loading(python: String)
  /// Mold: application loaded, forks on command. Worker: serving.
  case ready
  /// Mold: the worker for `slot` has this pid.
  case forked(slot: Int, pid: Int32)
  /// Mold or worker: cannot go on; exits with `code`. The details are in the error log.
  case failed(code: Int32, message: String)
  /// Worker: drains by itself, for this reason; replace it. `kibibytes` is what it has for itself
  /// where that is the reason.
  case retiring(RetireReason, kibibytes: Int32 = 0)
  /// Worker: has answered its last request, and goes on with Python's exit handlers.
  case exiting
  /// Worker: has taken so much more memory since it began to serve, above its allowance, and drains
  /// by itself; replace it. `source` is the URL that stands out, if one does.
  case outgrown(kibibytes: Int32, source: GrowthSource?)
  /// Scout: has served enough, drains by itself, and then becomes a mold if it can; replace it.
  case scouted
  /// Scout: is a mold from now on, which forks on command over this channel. It has left its slot.
  case becameMold
  /// Scout: cannot be forked from, for this reason, and exits.
  case cannotBecomeMold(reason: String)
  /// Mold, with `--reload`: this source file changed, came or went.
  case filesChanged(path: String)
}

extension ControlMessage {
  /// A URL whose requests made a worker grow.
  public struct GrowthSource: Equatable, Sendable {
    /// Its path, as the client sent it, perhaps cut; without the query.
    public var path: String
    /// What its requests took.
    public var kibibytes: Int32
    /// The requests that took it; 0 where that is not known, as it were many, each a little.
    public var requests: Int32

    /// A URL and what it took.
    public init(path: String, kibibytes: Int32, requests: Int32) {
      self.path = path
      self.kibibytes = kibibytes
      self.requests = requests
    }
  }

  /// Most bytes of an encoded message; longer texts are cut.
  public static let mostBytes = 4096

  /// Most bytes of a text inside a message.
  private static let mostTextBytes = mostBytes - 16

  private enum Tag: UInt8 {
    case fork = 1
    case drain, stop, reopenLogs, loading, ready, forked, failed, retiring, filesChanged, outgrown
    case finish, scouted, becameMold, cannotBecomeMold, lanes, retire, laneEnded, wanted
    case exiting, giveUp, letterbox
  }

  /// The message as bytes: a tag, then 32-bit little-endian numbers, then UTF-8 text to the end.
  public func encode() -> [UInt8] {
    switch self {
    case .fork(let slot, let isScout): Self.encode(.fork, [Int32(slot), isScout ? 1 : 0])
    case .drain: Self.encode(.drain)
    case .finish: Self.encode(.finish)
    case .stop: Self.encode(.stop)
    case .reopenLogs: Self.encode(.reopenLogs)
    case .lanes(let group, let slot, let pid, let first):
      Self.encode(.lanes, [Int32(group), Int32(slot), pid, Int32(first)])
    case .letterbox(let group, let slot, let pid, let first):
      Self.encode(.letterbox, [Int32(group), Int32(slot), pid, Int32(first)])
    case .retire(let pid): Self.encode(.retire, [pid])
    case .laneEnded(let slot, let pid, let word):
      Self.encode(.laneEnded, [Int32(slot), pid, Int32(word)])
    case .wanted(let group): Self.encode(.wanted, [Int32(group)])
    case .loading(let python): Self.encode(.loading, text: python)
    case .ready: Self.encode(.ready)
    case .forked(let slot, let pid): Self.encode(.forked, [Int32(slot), pid])
    case .failed(let code, let message): Self.encode(.failed, [code], text: message)
    case .retiring(let reason, let kibibytes):
      Self.encode(.retiring, [reason.rawValue, kibibytes])
    case .exiting: Self.encode(.exiting)
    case .giveUp: Self.encode(.giveUp)
    case .outgrown(let kibibytes, nil): Self.encode(.outgrown, [kibibytes])
    case .outgrown(let kibibytes, let source?):
      Self.encode(
        .outgrown, [kibibytes, source.kibibytes, source.requests], text: source.path)
    case .scouted: Self.encode(.scouted)
    case .becameMold: Self.encode(.becameMold)
    case .cannotBecomeMold(let reason): Self.encode(.cannotBecomeMold, text: reason)
    case .filesChanged(let path): Self.encode(.filesChanged, text: path)
    }
  }

  /// The message in `bytes`; nil where they are none.
  public init?(decoding bytes: some Collection<UInt8>) {
    var rest = Array(bytes)[...]
    guard rest.count <= Self.mostBytes, let first = rest.popFirst(), let tag = Tag(rawValue: first)
    else { return nil }
    switch tag {
    case .fork:
      guard let slot = Self.number(&rest), slot >= 0, let kind = Self.number(&rest),
        kind == 0 || kind == 1
      else { return nil }
      self = .fork(slot: Int(slot), isScout: kind == 1)
    case .drain: self = .drain
    case .finish: self = .finish
    case .stop: self = .stop
    case .reopenLogs: self = .reopenLogs
    case .lanes, .letterbox:
      guard let group = Self.number(&rest), group >= 0, let slot = Self.number(&rest), slot >= 0,
        let pid = Self.number(&rest), pid > 0, let first = Self.number(&rest), first >= 0
      else { return nil }
      self =
        tag == .lanes
        ? .lanes(group: Int(group), slot: Int(slot), pid: pid, first: Int(first))
        : .letterbox(group: Int(group), slot: Int(slot), pid: pid, first: Int(first))
    case .laneEnded:
      guard let slot = Self.number(&rest), slot >= 0, let pid = Self.number(&rest), pid > 0,
        let word = Self.number(&rest), word >= 0
      else { return nil }
      self = .laneEnded(slot: Int(slot), pid: pid, word: Int(word))
    case .retire:
      guard let pid = Self.number(&rest), pid > 0 else { return nil }
      self = .retire(pid: pid)
    case .wanted:
      guard let group = Self.number(&rest), group >= 0 else { return nil }
      self = .wanted(group: Int(group))
    case .loading: self = .loading(python: Self.text(&rest))
    case .ready: self = .ready
    case .forked:
      guard let slot = Self.number(&rest), slot >= 0, let pid = Self.number(&rest), pid > 0
      else { return nil }
      self = .forked(slot: Int(slot), pid: pid)
    case .failed:
      guard let code = Self.number(&rest) else { return nil }
      self = .failed(code: code, message: Self.text(&rest))
    case .retiring:
      guard let number = Self.number(&rest), let reason = RetireReason(rawValue: number),
        let kibibytes = Self.number(&rest), kibibytes >= 0
      else { return nil }
      self = .retiring(reason, kibibytes: kibibytes)
    case .exiting: self = .exiting
    case .giveUp: self = .giveUp
    case .outgrown:
      guard let kibibytes = Self.number(&rest), kibibytes >= 0 else { return nil }
      guard !rest.isEmpty else {
        self = .outgrown(kibibytes: kibibytes, source: nil)
        break
      }
      guard let part = Self.number(&rest), part >= 0, let requests = Self.number(&rest),
        requests >= 0
      else { return nil }
      self = .outgrown(
        kibibytes: kibibytes,
        source: GrowthSource(path: Self.text(&rest), kibibytes: part, requests: requests))
    case .scouted: self = .scouted
    case .becameMold: self = .becameMold
    case .cannotBecomeMold: self = .cannotBecomeMold(reason: Self.text(&rest))
    case .filesChanged: self = .filesChanged(path: Self.text(&rest))
    }
    guard rest.isEmpty else { return nil }
  }

  private static func encode(_ tag: Tag, _ numbers: [Int32] = [], text: String = "") -> [UInt8] {
    var bytes = [tag.rawValue]
    for number in numbers {
      let bits = UInt32(bitPattern: number)
      for shift in [0, 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(shift))) }
    }
    bytes.append(contentsOf: text.utf8.prefix(mostTextBytes))
    return bytes
  }

  private static func number(_ rest: inout ArraySlice<UInt8>) -> Int32? {
    guard rest.count >= 4 else { return nil }
    var bits: UInt32 = 0
    for shift in [0, 8, 16, 24] { bits |= UInt32(rest.removeFirst()) << UInt32(shift) }
    return Int32(bitPattern: bits)
  }

  /// The rest as text; bytes that are no UTF-8 (a text cut inside a character) become U+FFFD.
  private static func text(_ rest: inout ArraySlice<UInt8>) -> String {
    defer { rest = [] }
    return String(decoding: rest, as: UTF8.self)
  }
}
