// Exchange+Status: the server's status over HTTP (`--status-path`, `--metrics`). Assembly.
internal import Bytes
internal import Configuration
internal import HTTP1
internal import Reporting
internal import Scoreboard

extension Exchange {
  /// What the server says about itself.
  enum Report {
    /// A page, mod_status's text, or JSON: ``StatusReport``.
    case status
    /// ``MetricsText``.
    case metrics
  }

  /// Answers with a report of the whole server, the status as the query asks for it. Allocates.
  func respond(with report: Report, of scoreboards: [Scoreboard]) {
    guard head.method == .get || head.method == .head else {
      return respond(status: 405, field: "Allow: GET, HEAD")
    }
    guard unsafe server.settings.statusAccess == "all" || isLocal else {
      return respond(status: 403, field: "Cache-Control: no-store")
    }
    let status = Scoreboard.status(of: scoreboards)
    switch report {
    case .status:
      let report = StatusReport(
        status, query: text(head.query), host: Self.withoutPort(text(head.host)))
      respond(with: report.body, report.contentType)
    case .metrics: respond(with: MetricsText.render(status), MetricsText.contentType)
    }
  }

  private func respond(with body: [UInt8], _ contentType: StaticString) {
    beginHead(status: 200)
    writer.append("Content-Type: ")
    writer.append(contentType)
    writer.append("\r\nCache-Control: no-store\r\nContent-Security-Policy: ")
    writer.append(StatusPage.securityPolicy)
    writer.append("\r\nX-Content-Type-Options: nosniff\r\n")
    unsafe body.withUnsafeBytes { unsafe finish(copying: $0) }
  }

  /// Whether the client is on this machine.
  ///
  /// By the word of a trusted proxy, unless everybody is one; else where the peer is on this
  /// machine and speaks for nobody else as a proxy would, be it trusted or not.
  private var isLocal: Bool {
    if forwarded.tellsClient {
      return unsafe forwarded.client?.isLoopback == true && !server.trusted.trustsAll
    }
    guard unsafe isUnixSocket || PeerAddress.isLoopback(peerAddress), !forwarded.isForwarded
    else { return false }
    for index in 0..<(unsafe fields.count) {
      let field = unsafe fields[index]
      let name = unsafe UnsafeBufferPointer(
        start: headBytes + Int(field.name.offset), count: Int(field.name.count))
      if unsafe PeerAddress.isForwarding(name) { return false }
    }
    return true
  }

  private func text(_ range: ByteRange) -> String {
    unsafe String(
      decoding: UnsafeBufferPointer(
        start: headBytes + Int(range.offset), count: Int(range.count)), as: UTF8.self)
  }

  /// `host:port` or `[::1]:port` without its port.
  static func withoutPort(_ host: String) -> String {
    guard let colon = host.utf8.lastIndex(of: UInt8(ascii: ":")) else { return host }
    let rest = host.utf8[host.utf8.index(after: colon)...]
    return rest.contains(UInt8(ascii: "]")) ? host : String(host[..<colon])
  }
}

/// What is known of a client by its address and by the fields that a proxy adds.
enum PeerAddress {
  /// Whether `address`, as text, is in 127.0.0.0/8 or ::1. Addresses of IPv4 in IPv6 are written as
  /// IPv4 (`EndpointText`); the other form is understood as well.
  static func isLoopback(_ address: UnsafeBufferPointer<UInt8>) -> Bool {
    unsafe starts(address, with: "127.") || starts(address, with: "::ffff:127.")
      || (address.count == 3 && starts(address, with: "::1"))
  }

  /// Whether a field of this name says that the request comes from somebody else (RFC 7239, and
  /// what was used before it).
  static func isForwarding(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
    switch name.count {
    case 3: unsafe ASCII.equalsIgnoringCase(name, "via" as StaticString)
    case 9:
      unsafe ASCII.equalsIgnoringCase(name, "forwarded" as StaticString)
        || ASCII.equalsIgnoringCase(name, "x-real-ip" as StaticString)
    case 15: unsafe ASCII.equalsIgnoringCase(name, "x-forwarded-for" as StaticString)
    default: false
    }
  }

  private static func starts(
    _ address: UnsafeBufferPointer<UInt8>, with literal: StaticString
  ) -> Bool {
    let count = literal.utf8CodeUnitCount
    guard address.count >= count else { return false }
    return unsafe ASCII.equalsIgnoringCase(
      UnsafeBufferPointer(rebasing: address.prefix(count)), literal)
  }
}
