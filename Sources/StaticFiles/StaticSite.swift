// StaticSite: answers requests for files below URL prefixes. Assembly.
public import Bytes
public import HTTP1
internal import Platform

/// The directories that are served without Python. docs/static-files.md says what operators see.
///
/// Not thread-safe: ``respond(mount:head:headBytes:fields:nowSeconds:into:)`` works in memory that
/// the site owns, so any thread may call it, but never two at the same time.
@safe public final class StaticSite {
  private let mounts: MountTable
  private let types = MediaTypes()
  private var path = StaticPath()
  /// Memory of the entity tag under comparison; ``EntityTag/maximumCount`` bytes.
  private let entityTag: UnsafeMutablePointer<UInt8>

  /// Opens every directory once; a directory that is replaced later is served in its old state.
  ///
  /// - Throws: ``StaticSiteError`` with the mount and the error, where a directory cannot be opened
  ///   or a prefix cannot be used.
  public convenience init(_ mounts: [StaticMount]) throws {
    try self.init(mounts, allowsOpenat2: true)
  }

  /// Tests turn openat2(2) off to see that old kernels serve the same.
  init(_ mounts: [StaticMount], allowsOpenat2: Bool) throws {
    self.mounts = try MountTable(mounts, allowsOpenat2: allowsOpenat2)
    unsafe entityTag = .allocate(capacity: EntityTag.maximumCount)
  }

  deinit { unsafe entityTag.deallocate() }

  /// Whether there is nothing to serve.
  public var isEmpty: Bool { mounts.count == 0 }

  /// Index of the longest mount whose prefix covers `path` (percent-encoded), or -1.
  ///
  /// Compares decoded bytes and resolves nothing: `/static` covers `/static`, `/static/x` and
  /// `/%73tatic/x`, not `/staticfoo`. `/static/../admin` is covered too and gets a 404: to resolve
  /// it is the client's duty (RFC 3986, section 5.2.4), and who resolves it on the server makes two
  /// names for one resource, one of which passes by the rules for the other.
  /// Called for every request, so: Allocates: never.
  public func mount(for path: UnsafeBufferPointer<UInt8>) -> Int {
    unsafe mounts.index(covering: path.span)
  }

  /// Decoded bytes of the prefix of a mount: of several that cover a path, the longest wins.
  public func prefixCount(of mount: Int) -> Int { unsafe mounts.prefix(of: mount).count }

  /// Answers a request that ``mount(for:)`` claimed.
  ///
  /// Appends complete header field lines (`Name: value\r\n`) to `writer`: Content-Type, ETag,
  /// Last-Modified, Accept-Ranges, Content-Range, Content-Encoding, Vary, Location, Allow. Never
  /// Content-Length, Date, Server, Connection. Where they do not fit, the answer is 500 and the
  /// writer is as before. Allocates: never, except to log what the operator should repair.
  public func respond(
    mount: Int, head: RequestHead, headBytes: UnsafeBufferPointer<UInt8>,
    fields: UnsafeBufferPointer<Field>, nowSeconds: Int64, into writer: inout ByteWriter
  ) -> StaticResponse {
    let start = writer.count
    let response = unsafe answer(
      mount, head, headBytes.span, fields.span, nowSeconds, into: &writer)
    if writer.overflowed {
      writer.truncate(to: start)
      return .page(500)
    }
    return response
  }

  // MARK: the steps of an answer

  private func answer(
    _ mount: Int, _ head: RequestHead, _ bytes: Span<UInt8>, _ fields: Span<Field>,
    _ nowSeconds: Int64, into writer: inout ByteWriter
  ) -> StaticResponse {
    guard head.method == .get || head.method == .head else {
      writer.append("Allow: GET, HEAD, OPTIONS\r\n")
      return head.method == .options ? .empty(200) : .page(405)
    }
    let query = bytes.extracting(head.query.indices)
    let prefixCount = unsafe mounts.prefix(of: mount).count
    let asked = path.decode(bytes.extracting(head.path.indices), prefixCount: prefixCount)
    switch asked {
    case .malformed: return .page(400)
    case .absent: return .page(404)
    case .directory: path.append("index.html")
    case .file:
      if path.count == 0 { return redirect(mount, query, into: &writer) }
    }
    do throws(SystemCallError) {
      let file = try mounts.openFile(path, below: mount)
      let status = try FileStatus(of: file)
      switch status.kind {
      case .regular: break
      case .directory where asked == .file: return redirect(mount, query, into: &writer)
      case .directory, .other: return .page(404)
      }
      let request = ConditionalRequest(fields, in: bytes)
      let chosen = choose(mount, file, status, request.codings)
      return send(chosen, request, head.method, bytes, fields, nowSeconds, into: &writer)
    } catch {
      return refuse(error)
    }
  }

  /// Sends a client to the same path with a slash, so that relative links in the index work.
  ///
  /// The path is written from its decoded form, with exactly one slash at its start: it cannot
  /// become another host (`//evil.example`), and holds no byte that could end the line.
  private func redirect(
    _ mount: Int, _ query: Span<UInt8>, into writer: inout ByteWriter
  ) -> StaticResponse {
    writer.append("Location: ")
    unsafe writer.append(escaping: mounts.prefix(of: mount).span)
    writer.append(UInt8(ascii: "/"))
    if path.count > 0 {
      unsafe writer.append(escaping: path.written.span)
      writer.append(UInt8(ascii: "/"))
    }
    if !query.isEmpty {
      writer.append(UInt8(ascii: "?"))
      writer.append(query: query)
    }
    writer.append("\r\n")
    return .empty(301)
  }

  /// Takes the file itself, or the best precompressed sibling that the client accepts.
  ///
  /// Siblings are looked for whatever the client accepts, because caches have to learn from Vary
  /// that there are variants.
  private func choose(
    _ mount: Int, _ file: consuming FileDescriptor, _ status: FileStatus,
    _ codings: AcceptedCodings
  ) -> Representation {
    let type = unsafe types.type(ofPath: path.written.span)
    var varies = false
    if type.isCompressible {
      let first = codings.prefersGzip ? ContentCoding.gzip : .brotli
      let second = codings.prefersGzip ? ContentCoding.brotli : .gzip
      if let sibling = openSibling(mount, first, of: status, type) {
        if codings.prefers(first) { return sibling }
        varies = true
      }
      if !varies || codings.prefers(second),
        let sibling = openSibling(mount, second, of: status, type)
      {
        if codings.prefers(second) { return sibling }
        varies = true
      }
    }
    return Representation(
      file: file, status: status, coding: .identity, type: type, varies: varies)
  }

  /// Opens a sibling, unless it is older than the file: then somebody forgot to compress again.
  ///
  /// Whole seconds are compared, since some compressors copy the time without its fraction. A
  /// sibling that cannot be opened is as good as none.
  private func openSibling(
    _ mount: Int, _ coding: ContentCoding, of original: FileStatus, _ type: MediaType
  ) -> Representation? {
    let count = path.count
    path.append(coding == .brotli ? ".br" : ".gz")
    defer { path.truncate(to: count) }
    do throws(SystemCallError) {
      let file = try mounts.openFile(path, below: mount)
      let status = try FileStatus(of: file)
      guard status.kind == .regular, status.modifiedSeconds >= original.modifiedSeconds else {
        return nil
      }
      return Representation(file: file, status: status, coding: coding, type: type, varies: true)
    } catch {
      return nil
    }
  }

  /// Evaluates preconditions and ranges, and writes the fields of what is left.
  private func send(
    _ chosen: consuming Representation, _ request: ConditionalRequest, _ method: Method,
    _ bytes: Span<UInt8>, _ fields: Span<Field>, _ nowSeconds: Int64,
    into writer: inout ByteWriter
  ) -> StaticResponse {
    var tagWriter = unsafe ByteWriter(base: entityTag, capacity: EntityTag.maximumCount)
    chosen.writeEntityTag(into: &tagWriter)
    let tag = unsafe tagWriter.written
    let size = chosen.status.sizeBytes
    let modified = ModificationTime(
      seconds: chosen.status.modifiedSeconds, nowSeconds: nowSeconds)
    switch unsafe request.precondition(
      entityTag: tag.span, modified: modified, fields: fields, head: bytes)
    {
    case .failed: return .page(412)
    case .notModified:
      unsafe chosen.writeValidators(
        entityTag: tag, modifiedSeconds: modified.seconds, into: &writer)
      return StaticResponse(status: 304, file: nil, offset: 0, contentLength: size)
    case .proceed: break
    }
    var part = RangeRequest.whole
    if method == .get {
      part = unsafe request.part(
        ofBytes: size, entityTag: tag.span, modified: modified, head: bytes)
    }
    if part == .unsatisfiable {
      writer.append("Content-Range: bytes */")
      writer.append(decimal: size)
      writer.append("\r\n")
      return .page(416)
    }
    chosen.writeContentFields(into: &writer)
    unsafe chosen.writeValidators(
      entityTag: tag, modifiedSeconds: modified.seconds, into: &writer)
    var (first, count, status) = (Int64(0), size, 200)
    if case .part(let partFirst, let partCount) = part {
      (first, count, status) = (partFirst, partCount, 206)
      writer.append(contentRangeFrom: first, count: count, of: size)
    }
    guard method == .get, count > 0 else {
      return StaticResponse(status: status, file: nil, offset: 0, contentLength: count)
    }
    return StaticResponse(status: status, file: chosen.file, offset: first, contentLength: count)
  }

  /// Turns a failed open into a status. What the operator can repair goes to the error log.
  private func refuse(_ error: SystemCallError) -> StaticResponse {
    let status =
      switch FileFailure(error) {
      case .absent: 404
      case .forbidden: 403
      case .exhausted: 503
      case .broken: 500
      }
    if status != 404 {
      ErrorLog.write(
        .error,
        "static file \(path.text()) cannot be opened (\(error.reason)); answered \(status)")
    }
    return .page(status)
  }
}
