// Benchmark: how long parsing one head takes. Assembly.
import Bytes
import HTTP1

/// Times the parser on heads as clients send them.
enum Benchmark {
  static let small: StaticString = """
    GET / HTTP/1.1\r
    Host: 127.0.0.1:8000\r
    Connection: Keep-Alive\r
    User-Agent: wrk/4.2.0 (some comment that makes it two hundred bytes long)\r
    Accept: text/html,application/json,*/*\r
    X-Request: 0123456789ab\r
    \r

    """

  static let browser: StaticString = """
    GET /polls/2024/results/?page=3&order=-votes HTTP/1.1\r
    Host: www.example.com\r
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8\r
    Accept-Language: en-US,en;q=0.5\r
    Accept-Encoding: gzip, deflate, br, zstd\r
    Referer: https://www.example.com/polls/2024/\r
    Connection: keep-alive\r
    Cookie: csrftoken=0123456789abcdef0123456789abcdef; sessionid=fedcba9876543210fedc\r
    Upgrade-Insecure-Requests: 1\r
    Sec-Fetch-Dest: document\r
    Sec-Fetch-Mode: navigate\r
    Sec-Fetch-Site: same-origin\r
    Priority: u=0, i\r
    \r

    """

  /// Prints the best of several rounds, in nanoseconds per head.
  static func run() {
    measure("small", small)
    measure("browser", browser)
    measureResponseHead()
  }

  /// Times writing the head of a short response.
  private static func measureResponseHead() {
    let output = Input()
    let rounds = 200_000
    var best = Double.infinity
    for _ in 0..<10 {
      let start = now()
      for round in 0..<rounds {
        output.fill {
          StatusLine.append(200, into: &$0)
          $0.append("Server: plimsoll\r\nDate: ")
          $0.append(httpDate: Int64(round))
          $0.append("\r\nContent-Type: text/plain\r\nContent-Length: ")
          $0.append(decimal: Int64(round))
          $0.append("\r\n\r\n")
        }
      }
      best = min(best, (now() - start) / Double(rounds) * 1e9)
    }
    print("response head: \(output.count) bytes, \(Int(best)) ns")
  }

  private static func measure(_ name: String, _ head: StaticString) {
    let bytes = unsafe UnsafeBufferPointer(start: head.utf8Start, count: head.utf8CodeUnitCount)
    var parser = RequestHeadParser(limits: RequestLimits())
    let rounds = 200_000
    var best = Double.infinity
    var fields = 0
    for _ in 0..<10 {
      let start = now()
      for _ in 0..<rounds {
        var scanner = HeadScanner()
        guard unsafe parser.parse(bytes, scanner: &scanner) == .complete else { fatalError(name) }
        fields &+= parser.head.fieldCount
      }
      best = min(best, (now() - start) / Double(rounds) * 1e9)
    }
    print("\(name): \(bytes.count) bytes, \(fields / rounds / 10) fields, \(Int(best)) ns")
  }
}
