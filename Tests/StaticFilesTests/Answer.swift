// Answer: asks a StaticSite as the server does, and reads all of what it would send. Edge.
import Bytes
import Glibc
import HTTP1
import Platform

@testable import StaticFiles

/// The present of all tests.
let testNow: Int64 = 1_750_000_000

/// A response in forms that tests can compare.
struct Answer {
  var status: Int
  /// Header lines in order.
  var lines: [String]
  /// Bytes of the file that would be sent; nil where there is no file.
  var body: String?
  var contentLength: Int64

  subscript(name: String) -> String? {
    let matches = lines.filter { $0.hasPrefix(name + ": ") }
    precondition(matches.count <= 1, "\(name) stands twice")
    return matches.first.map { String($0.dropFirst(name.utf8.count + 2)) }
  }
}

extension StaticSite {
  func mount(for path: String) -> Int {
    let bytes = Array(path.utf8)
    return unsafe bytes.withUnsafeBufferPointer { unsafe mount(for: $0) }
  }

  /// Asks for `target`; nil where no mount claims it.
  func ask(
    _ target: String, _ fields: [(String, String)] = [], method: HTTP1.Method = .get,
    now: Int64 = testNow, capacity: Int = 8192
  ) -> Answer? {
    ask(Array(target.utf8), fields, method: method, now: now, capacity: capacity)
  }

  func ask(
    _ target: [UInt8], _ fields: [(String, String)] = [], method: HTTP1.Method = .get,
    now: Int64 = testNow, capacity: Int = 8192
  ) -> Answer? {
    var bytes = Array("GET ".utf8)
    var head = RequestHead()
    head.method = method
    let path = target.prefix { $0 != UInt8(ascii: "?") }
    head.target = ByteRange(offset: bytes.count, count: target.count)
    head.path = ByteRange(offset: bytes.count, count: path.count)
    if path.count < target.count {
      head.query = ByteRange(
        offset: bytes.count + path.count + 1, count: target.count - path.count - 1)
    }
    bytes += target
    bytes += Array(" HTTP/1.1\r\n".utf8)
    var parsed: [Field] = []
    for (name, value) in fields {
      let nameRange = ByteRange(offset: bytes.count, count: name.utf8.count)
      bytes += Array("\(name): ".utf8)
      let valueRange = ByteRange(offset: bytes.count, count: value.utf8.count)
      bytes += Array("\(value)\r\n".utf8)
      parsed.append(Field(name: nameRange, value: valueRange, id: Self.id(of: name)))
    }
    head.fieldCount = parsed.count
    head.length = bytes.count
    return answer(path: path, head, bytes, parsed, now, capacity)
  }

  private func answer(
    path: ArraySlice<UInt8>, _ head: RequestHead, _ bytes: [UInt8], _ fields: [Field],
    _ now: Int64, _ capacity: Int
  ) -> Answer? {
    let mount = unsafe path.withUnsafeBufferPointer { unsafe self.mount(for: $0) }
    guard mount >= 0 else { return nil }
    let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    defer { unsafe memory.deallocate() }
    var writer = unsafe ByteWriter(base: memory, capacity: capacity)
    let response = unsafe bytes.withUnsafeBufferPointer { bytes in
      unsafe fields.withUnsafeBufferPointer { fields in
        unsafe Outcome(
          respond(
            mount: mount, head: head, headBytes: bytes, fields: fields, nowSeconds: now,
            into: &writer))
      }
    }
    let text = unsafe String(decoding: writer.written, as: UTF8.self)
    precondition(text.isEmpty || text.hasSuffix("\r\n"))
    let lines = text.isEmpty ? [] : text.dropLast().split(separator: "\r\n").map(String.init)
    return Answer(
      status: response.status, lines: lines, body: response.body,
      contentLength: response.contentLength)
  }

  private static func id(of name: String) -> FieldName {
    switch name {
    case "Accept-Encoding": .acceptEncoding
    case "Range": .range
    case "If-Range": .ifRange
    case "If-Match": .ifMatch
    case "If-None-Match": .ifNoneMatch
    case "If-Modified-Since": .ifModifiedSince
    case "If-Unmodified-Since": .ifUnmodifiedSince
    default: .other
    }
  }
}

/// Carries what a response says out of closures that need copyable results.
private struct Outcome {
  let status: Int
  let body: String?
  let contentLength: Int64

  init(_ response: consuming StaticResponse) {
    var response = response
    status = response.status
    contentLength = response.contentLength
    let offset = response.offset
    if let file = response.file.take() {
      var buffer = [UInt8](repeating: 0, count: Int(contentLength))
      let count = unsafe pread(file.number, &buffer, buffer.count, off_t(offset))
      body = String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
    } else {
      body = nil
    }
  }
}
