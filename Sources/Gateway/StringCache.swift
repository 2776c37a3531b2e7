// StringCache: str objects for bytes that come again, request after request. Edge.
internal import CPython
internal import Glibc

/// Remembers the str of the last bytes it was asked for. Guarded by the GIL.
///
/// Only ASCII is remembered, since the bytes of such a str can be compared where they lie.
@safe struct LastString {
  /// Longer values are not kept: bytes.
  static let limit = 512
  private var object: PythonObject?
  private var start: UnsafePointer<UInt8>?
  private var count = -1

  /// A new reference to the latin-1 str of `bytes`; nil with an exception set.
  @inline(__always)
  mutating func string(_ bytes: UnsafeBufferPointer<UInt8>) -> PythonObject? {
    if bytes.count == count, let object = unsafe object, let start = unsafe start,
      unsafe memcmp(bytes.baseAddress ?? start, start, count) == 0
    {
      unsafe Py_IncRef(object)
      return unsafe object
    }
    return unsafe renew(bytes)
  }

  private mutating func renew(_ bytes: UnsafeBufferPointer<UInt8>) -> PythonObject? {
    guard let made = unsafe Python.latin1(bytes, GIL.held()) else { return nil }
    var length = 0
    guard bytes.count <= Self.limit, let utf8 = unsafe PyUnicode_AsUTF8AndSize(made, &length),
      length == bytes.count
    else { return unsafe made }
    unsafe Py_DecRef(object)
    unsafe Py_IncRef(made)
    unsafe object = unsafe made
    unsafe start = unsafe UnsafeRawPointer(utf8).assumingMemoryBound(to: UInt8.self)
    count = length
    return unsafe made
  }
}

/// Environ keys for header names, and the last value seen with each. Guarded by the GIL.
///
/// Direct-mapped on the name's bytes as sent, so `Host` and `host` have places of their own that
/// lead to equal keys. A name that does not fit its place takes it over: what clients send can
/// cost time, never memory.
@safe struct HeaderNameCache {
  /// Places; a power of two.
  static let capacity = 256
  /// Longer names are not kept: bytes.
  static let nameLimit = 40

  @safe struct Place {
    /// The name as sent; `HeaderNameCache.nameLimit` bytes.
    var name: (UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0)
    var count = 0
    var key: PythonObject?
    var value = LastString()
  }

  private let places: UnsafeMutablePointer<Place>

  init() {
    unsafe places = .allocate(capacity: Self.capacity)
    unsafe places.initialize(repeating: Place(), count: Self.capacity)
  }

  /// The place of `name`, its key filled in; nil where the name is too long or no key was made.
  @inline(__always)
  func place(_ name: UnsafeBufferPointer<UInt8>) -> UnsafeMutablePointer<Place>? {
    guard let base = name.baseAddress, name.count <= Self.nameLimit, name.count > 0 else {
      return nil
    }
    let place = unsafe places + Self.index(base, name.count)
    if unsafe place.pointee.count == name.count,
      unsafe memcmp(UnsafeRawPointer(place), base, name.count) == 0
    {
      return unsafe place
    }
    return unsafe take(place, for: name)
  }

  private func take(
    _ place: UnsafeMutablePointer<Place>, for name: UnsafeBufferPointer<UInt8>
  ) -> UnsafeMutablePointer<Place>? {
    guard let key = unsafe Self.makeKey(name) else { return nil }
    unsafe Py_DecRef(place.pointee.key)
    unsafe place.pointee.key = unsafe key
    unsafe place.pointee.count = name.count
    unsafe UnsafeMutableRawPointer(place).copyMemory(from: name.baseAddress!, byteCount: name.count)
    return unsafe place
  }

  /// Mixes the first and the last eight bytes: field names differ there.
  @inline(__always)
  private static func index(_ base: UnsafePointer<UInt8>, _ count: Int) -> Int {
    var first: UInt64 = 0
    var last: UInt64 = 0
    let raw = unsafe UnsafeRawPointer(base)
    if count >= 8 {
      first = unsafe raw.loadUnaligned(as: UInt64.self)
      last = unsafe raw.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
    } else if count >= 4 {
      first = unsafe UInt64(raw.loadUnaligned(as: UInt32.self))
      last = unsafe UInt64(raw.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self))
    } else {
      first = unsafe UInt64(base[0])
      last = unsafe UInt64(base[count &- 1])
    }
    let mixed = (first ^ (last &<< 1 | last &>> 63) &+ UInt64(count)) &* 0x9E37_79B9_7F4A_7C15
    return Int(mixed &>> 56)
  }

  /// `HTTP_USER_AGENT` for `User-Agent`. Not interned: newer interpreters would never free it.
  static func makeKey(_ name: UnsafeBufferPointer<UInt8>) -> PythonObject? {
    var bytes: [UInt8] = Array("HTTP_".utf8)
    for index in 0..<name.count {
      let byte = unsafe name[index]
      switch byte {
      case 0x2D: bytes.append(0x5F)
      case 0x61...0x7A: bytes.append(byte & 0xDF)
      default: bytes.append(byte)
      }
    }
    return unsafe bytes.withUnsafeBufferPointer { unsafe Python.latin1($0, GIL.held()) }
  }

  /// Fills the places of names that most requests have, in the mold, with interned keys.
  func warm(_ gil: borrowing GIL) {
    for name in Self.usualNames {
      let bytes = unsafe UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
      if let place = unsafe place(bytes) { unsafe PyUnicode_InternInPlace(&place.pointee.key) }
    }
  }

  private static let usualNames: [StaticString] = [
    "Host", "User-Agent", "Accept", "Accept-Language", "Accept-Encoding", "Connection", "Cookie",
    "Referer", "Origin", "Cache-Control", "Upgrade-Insecure-Requests", "If-None-Match",
    "If-Modified-Since", "Authorization", "X-Requested-With", "X-Forwarded-For",
    "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-IP", "Forwarded", "DNT", "Sec-Fetch-Dest",
    "Sec-Fetch-Mode", "Sec-Fetch-Site", "Sec-Fetch-User", "sec-ch-ua", "sec-ch-ua-mobile",
    "sec-ch-ua-platform", "Range", "X-CSRFToken", "Pragma", "Via", "X-Request-ID", "traceparent",
    "Priority", "Keep-Alive", "Transfer-Encoding", "Expect",
  ]
}
