// SampleRequest: one answered request, rendered through a format.
import AccessLog
import Bytes
import HTTP1

/// The facts of a request, owned, so that a record can borrow them.
struct SampleRequest {
  var line = "GET /a%20b/c?x=1&y=2 HTTP/1.1"
  var fields: [(name: String, value: String)] = [
    ("Host", "example.org:8080"), ("Referer", "http://here/"), ("User-Agent", "curl/8"),
  ]
  var responseHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nSet-Cookie: a=1\r\n"
    + "set-cookie:  b=2 \r\n\r\n"
  var peerAddress = "192.0.2.7"
  var localAddress = "127.0.0.1"
  var status = 200
  var bodyBytes: Int64 = 1234
  var durationMicroseconds: Int64 = 2_345_678
  var startMicroseconds: Int64 = 1_795_380_060_012_345  // 2026-11-22 20:41:00.012345 UTC
  var parsed = true
  var utcOffsetSeconds = 0
  var change: (inout AccessRecord) -> Void = { _ in }

  /// The line that `format` makes of it, without its newline.
  func render(_ format: String, capacity: Int = 8192) throws -> String {
    let compiled = try AccessLogFormat(format, utcOffsetSeconds: utcOffsetSeconds)
    let bytes = render(compiled, capacity: capacity)
    return String(decoding: bytes.last == 0x0A ? bytes.dropLast() : bytes, as: UTF8.self)
  }

  func render(_ format: AccessLogFormat, capacity: Int = 8192) -> [UInt8] {
    var headBytes = Array(line.utf8) + [0x0D, 0x0A]
    var ranges: [Field] = []
    for (name, value) in fields {
      let start = headBytes.count
      headBytes += Array(name.utf8) + [0x3A, 0x20] + Array(value.utf8) + [0x0D, 0x0A]
      let id = Self.ids[name.lowercased()] ?? .other
      ranges.append(
        Field(
          name: ByteRange(offset: start, count: name.utf8.count),
          value: ByteRange(offset: start + name.utf8.count + 2, count: value.utf8.count), id: id))
    }
    headBytes += [0x0D, 0x0A]
    let response = Array(responseHead.utf8)
    let peer = Array(peerAddress.utf8)
    let local = Array(localAddress.utf8)
    var storage = [UInt8](repeating: 0, count: capacity)
    var record = AccessRecord()
    record.head = parsed ? head(headBytes, ranges) : nil
    record.status = status
    record.bodyBytes = bodyBytes
    record.totalBytes = bodyBytes + Int64(response.count)
    record.startMicroseconds = startMicroseconds
    record.durationMicroseconds = durationMicroseconds
    record.peerPort = 55_001
    record.localPort = 8080
    record.processID = 4711
    record.requestID = 0xAB
    return unsafe headBytes.withUnsafeBufferPointer { headBytes in
      unsafe ranges.withUnsafeBufferPointer { ranges in
        unsafe response.withUnsafeBufferPointer { response in
          unsafe peer.withUnsafeBufferPointer { peer in
            unsafe local.withUnsafeBufferPointer { local in
              unsafe storage.withUnsafeMutableBufferPointer { storage in
                unsafe record.headBytes = headBytes
                unsafe record.fields = ranges
                unsafe record.responseHead = response
                unsafe record.peerAddress = peer
                unsafe record.localAddress = local
                change(&record)
                var writer = unsafe ByteWriter(base: storage.baseAddress!, capacity: storage.count)
                format.render(record, into: &writer)
                return unsafe Array(writer.written)
              }
            }
          }
        }
      }
    }
  }

  private func head(_ bytes: [UInt8], _ ranges: [Field]) -> RequestHead {
    var head = RequestHead()
    head.length = bytes.count
    let parts = line.split(separator: " ", maxSplits: 1).map { $0.utf8.count }
    head.methodRange = ByteRange(offset: 0, count: parts[0])
    let target = line.split(separator: " ")[1]
    head.target = ByteRange(offset: parts[0] + 1, count: target.utf8.count)
    let path = target.prefix { $0 != "?" }
    head.path = ByteRange(offset: parts[0] + 1, count: path.utf8.count)
    if path.utf8.count < target.utf8.count {
      head.query = ByteRange(
        offset: parts[0] + 2 + path.utf8.count, count: target.utf8.count - path.utf8.count - 1)
    }
    head.minorVersion = line.hasSuffix("1.0") ? 0 : 1
    if let host = ranges.first(where: { $0.id == .host }) { head.host = host.value }
    return head
  }

  private static let ids: [String: FieldName] = [
    "host": .host, "referer": .referer, "user-agent": .userAgent, "authorization": .authorization,
  ]
}
