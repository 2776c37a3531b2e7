// Representation: the open file that is sent, and its validators. Assembly.
internal import Bytes
internal import Platform

/// One variant of a file: as it is, or a precompressed sibling of it (RFC 9110, section 3.2).
struct Representation: ~Copyable {
  /// The open file.
  var file: FileDescriptor
  /// A regular file's status.
  let status: FileStatus
  /// How the content is coded.
  let coding: ContentCoding
  /// Media type of the decoded content.
  let type: MediaType
  /// Whether the answer depends on Accept-Encoding: a sibling exists.
  let varies: Bool

  /// Writes the strong entity tag: time, size, inode and coding, so that each variant has its own.
  borrowing func writeEntityTag(into writer: inout ByteWriter) {
    let nanoseconds =
      status.modifiedSeconds &* 1_000_000_000 &+ status.modifiedNanoseconds
    writer.append(UInt8(ascii: "\""))
    writer.append(hex: UInt64(bitPattern: nanoseconds))
    writer.append(UInt8(ascii: "-"))
    writer.append(hex: UInt64(bitPattern: status.sizeBytes))
    writer.append(UInt8(ascii: "-"))
    writer.append(hex: status.inode)
    switch coding {
    case .identity: break
    case .brotli: writer.append("-br")
    case .gzip: writer.append("-gz")
    }
    writer.append(UInt8(ascii: "\""))
  }

  /// Writes the fields that 200, 206 and 304 share.
  borrowing func writeValidators(
    entityTag: UnsafeBufferPointer<UInt8>, modifiedSeconds: Int64, into writer: inout ByteWriter
  ) {
    writer.append("Last-Modified: ")
    writer.append(httpDate: modifiedSeconds)
    writer.append("\r\nETag: ")
    unsafe writer.append(copying: entityTag)
    writer.append("\r\n")
    if varies { writer.append("Vary: Accept-Encoding\r\n") }
  }

  /// Writes the fields that describe the content of 200 and 206.
  borrowing func writeContentFields(into writer: inout ByteWriter) {
    writer.append("Content-Type: ")
    writer.append(type.name)
    switch coding {
    case .identity: break
    case .brotli: writer.append("\r\nContent-Encoding: br")
    case .gzip: writer.append("\r\nContent-Encoding: gzip")
    }
    writer.append("\r\nAccept-Ranges: bytes\r\n")
  }
}
