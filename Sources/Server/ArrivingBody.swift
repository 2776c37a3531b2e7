// ArrivingBody: in a worker: a request body that a front still collects in a file. Assembly.
internal import Platform
internal import Scoreboard

/// What has come of a body is in a file that grows; a signal tells that it did, and how it ends.
final class ArrivingBody {
  /// What a look at it gave.
  enum Look {
    case bytes(Int)
    case end
    /// Nothing new; more will come.
    case nothing
    /// The front gave it up: its client left, or was too slow, or sent what is no body.
    case givenUp
    /// The file cannot be read.
    case failed
  }

  private let file: TemporaryFile
  private let signal: ArrivalSignal
  /// Bytes of all of it; -1 where that is not known before its end.
  private let length: Int64
  private var position: Int64 = 0
  private var marks: ArrivalSignal.Marks = []

  /// A body in the file `file`; both descriptors are owned from now on.
  init(owning file: Int32, signal: Int32, length: Int64) {
    self.file = TemporaryFile(owning: file)
    self.signal = ArrivalSignal(owning: signal)
    self.length = length
  }

  /// Bytes that were read.
  var received: Int64 { position }

  /// Copies what is there and was not read, at most as much as `buffer` has room for.
  func look(into buffer: UnsafeMutableRawBufferPointer) -> Look {
    guard length < 0 || position < length else { return .end }
    // Before the file: after the mark of the end nothing is added to it.
    marks.formUnion(signal.take())
    let most = length < 0 ? buffer.count : Int(min(Int64(buffer.count), length - position))
    let got = unsafe file.read(
      into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<most]), at: position)
    guard got >= 0 else { return .failed }
    position += Int64(got)
    if got > 0 { return .bytes(got) }
    if marks.contains(.failed) { return .givenUp }
    return marks.contains(.whole) ? .end : .nothing
  }

  /// Waits until there may be more, at most for `timeoutMs`.
  func wait(timeoutMs: Int64) { signal.wait(timeoutMs: timeoutMs) }
}

extension Exchange {
  /// Reads from a body that arrives; waits where nothing is there.
  func readArriving(
    _ arriving: ArrivingBody, _ buffer: UnsafeMutableRawBufferPointer
  ) throws(BodyFailure) -> Int {
    guard buffer.count > 0 else { return 0 }
    while true {
      switch unsafe arriving.look(into: buffer) {
      case .bytes(let count):
        line.requestMadeProgress(ms: Clock.monotonicMs())
        return count
      case .end: return 0
      case .failed: throw .failed
      case .givenUp: throw .clientLeft
      case .nothing:
        // The front has the time limits. Should it die, the lane ends.
        line.requestWaitsForClient()
        arriving.wait(timeoutMs: Self.abandonLookMs)
        guard !isAbandoned, unsafe !SocketIO.isHungUp(connection.pointee.socket) else {
          throw .clientLeft
        }
      }
    }
  }
}
