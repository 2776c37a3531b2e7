// SpilledBytes: what a slow client has not taken of a response, in a file. Assembly.
internal import Platform

/// A run of bytes in an unnamed file, appended at its end and sent from its start.
///
/// What was sent stays in the file until all of it is: so its size bounds what it takes.
struct SpilledBytes {
  private let file: TemporaryFile
  /// Bytes that were sent from it.
  private(set) var sent: Int64 = 0
  /// Bytes in it, also those that were sent.
  private(set) var fileBytes: Int64 = 0

  /// An empty run, in a file in `directory`.
  init(directory: String) throws(SystemCallError) {
    file = try TemporaryFile(directory: directory)
  }

  /// How many wait.
  var count: Int64 { fileBytes - sent }

  /// Appends a copy of `bytes`. After a failure what was there before is still whole.
  mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) throws(SystemCallError) {
    unsafe try file.append(bytes)
    fileBytes += Int64(bytes.count)
  }

  /// Sends at most `most` of the bytes that wait. Does not wait.
  mutating func send(to socket: Int32, atMost most: Int) -> Transfer {
    let transfer = SocketIO.sendFile(
      socket, file: file.number, offset: sent, count: Int(min(count, Int64(most))))
    if case .moved(let moved) = transfer { sent += Int64(moved) }
    return transfer
  }
}
