// RequestHeadParser+Forwarded: a head as it is after what proxies said of it was heeded. Pure.
//
// Why the storage is used safely: all indices are below `fieldCount`, which the parser has filled
// and which only falls here. The bytes are the head's own, `head.length` of them.
internal import Bytes

extension RequestHeadParser {
  /// Heeds what the fields of the head that was just parsed say of the client, or removes them.
  ///
  /// Of a trusted peer they are believed (``ForwardedChain``): the Host field becomes what the
  /// client asked for, and `Forwarded` goes where it is not what was read. Of others all of them
  /// (``FieldName/isForwarding``) go, so that nobody behind can believe them. Allocates: never.
  /// - Parameter bytes: the head.
  /// - Parameter keepsUntrusted: whether those of others stay nevertheless.
  /// - Throws: 400 where what a trusted peer says is malformed.
  public mutating func heedProxies(
    _ bytes: UnsafePointer<UInt8>, peerIsTrusted: Bool, keepsUntrusted: Bool,
    trusted: borrowing TrustedProxies
  ) throws(Refusal) -> ForwardedChain {
    guard head.isForwarded else { return ForwardedChain() }
    guard peerIsTrusted else {
      var chain = ForwardedChain()
      chain.isForwarded = true
      if !keepsUntrusted { removeFields { $0.isForwarding } }
      return chain
    }
    let chain = try unsafe ForwardedChain(
      fields.span, UnsafeBufferPointer(start: bytes, count: head.length).span, trusted: trusted)
    if chain.host.count > 0 { setHost(chain) }
    if chain.readsOlderFields { removeFields { $0 == .forwarded } }
    return chain
  }

  /// Keeps the order of those that stay.
  private mutating func removeFields(where goes: (FieldName) -> Bool) {
    var kept = 0
    for index in 0..<head.fieldCount {
      let field = unsafe storage[index]
      if goes(field.id) { continue }
      unsafe storage[kept] = field
      kept += 1
    }
    head.fieldCount = kept
  }

  private mutating func setHost(_ chain: ForwardedChain) {
    head.host = chain.host
    for index in 0..<head.fieldCount where unsafe storage[index].id == .host {
      unsafe storage[index].value = chain.host
      return
    }
    // HTTP/1.0 without Host: the field that told it becomes one, and lends the end of its name.
    for index in 0..<head.fieldCount {
      let field = unsafe storage[index]
      let told =
        field.id == .xForwardedHost && field.name.indices.upperBound == chain.hostNameEnd
        || field.id == .forwarded && field.value.indices.contains(chain.hostNameEnd)
      guard told else { continue }
      unsafe storage[index] = Field(
        name: ByteRange(offset: chain.hostNameEnd - 4, count: 4), value: chain.host, id: .host)
      return
    }
  }
}
