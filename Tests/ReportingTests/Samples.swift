// Samples: servers to report on. Test support.
import ProcessPolicy
import Reporting

enum Samples {
  /// Two workers of two threads and an open slot, after 14 minutes.
  static var small: ServerStatus {
    var status = ServerStatus()
    status.software = "plimsoll/0.1.0"
    status.title = "mysite:application"
    status.group = "main"
    status.supervisorPid = 4711
    status.mpm = "event"
    status.policy = "loadline"
    status.nowSeconds = 1_795_391_462  // Sunday, 22-Nov-2026 23:51:02 UTC
    status.startedSeconds = status.nowSeconds - 840
    status.servingSinceSeconds = status.nowSeconds - 60
    status.generation = 2
    status.cpuMs = 21_000
    status.load = ServerStatus.LoadAverage(one: 0.05, five: 0.1, fifteen: 1.52)
    status.totals = ServerStatus.Totals(requests: 1000, bytes: 2_500_000, durationMs: 12_345)
    status.forks = 5
    status.deaths = 1
    status.lockWaits = ServerStatus.LockWaits(count: 40, us: 2_500_000)
    status.interrupted = 3
    status.threadsPerWorker = 2
    var serving = worker(slot: 0, pid: 5000, .serving, [.ready, .writing])
    serving.isAccepting = true
    serving.handlers[1].client = "127.0.0.1"
    serving.handlers[1].host = "example.org"
    serving.handlers[1].request = "GET /long HTTP/1.1"
    serving.handlers[1].sinceBeginMs = 1500
    serving.handlers[1].lastDurationMs = 7
    serving.connections.total = 7
    serving.connections.reading = 1
    serving.connections.writing = 2
    serving.connections.keepAlive = 3
    serving.connections.closing = 1
    status.slots = [serving, nil, worker(slot: 2, pid: 5001, .draining, [.graceful, .graceful])]
    return status
  }

  /// Three groups: one that serves and whose requests wait, one that sleeps, one that failed.
  static var groups: [ServerStatus] {
    var blog = small
    blog.group = "blog"
    blog.title = "blog"
    blog.urls = "/blog, /news"
    blog.python = "/srv/blog/.venv/bin/python"
    blog.state = .serving
    blog.mostWorkers = 2
    blog.shed = 3
    blog.shedReasons[.queueFull] = 3
    blog.deathCounts[.worker, .signal] = 1
    blog.generationsServed = 2
    blog.queue.oldestMs = 1_400
    blog.queue.waits.add(7, to: 3)
    blog.queue.waitedUs = 9_000
    blog.serviceTimes.add(5, to: 2)
    blog.memory = ServerStatus.Memory()
    blog.memory?.budgetBytes = 256 << 20
    blog.memory?.usedBytes = 90 << 20
    blog.memory?.moldBytes = 20 << 20
    blog.memory?.workerBytes = 8 << 20
    blog.memory?.capacity = 12
    blog.fronts = [front]
    for slot in [0, 2] { blog.slots[slot]?.group = "blog" }
    var shop = small
    shop.group = "shop"
    shop.title = "shop"
    shop.urls = "/shop"
    shop.state = .asleep
    shop.slots = [nil, nil]
    shop.mostWorkers = 1
    shop.generation = 5
    shop.forks = 2
    shop.deaths = 0
    shop.threadsPerWorker = 1
    shop.memory = blog.memory
    shop.memory?.usedBytes = 80 << 20
    shop.memory?.moldBytes = 30 << 20
    shop.memory?.workerBytes = 9 << 20
    shop.memory?.capacity = 4
    shop.memory?.binding = .memory
    var tail = front
    tail.connections = ServerStatus.Connections()
    tail.connections.waiting = 2
    tail.shed = 1
    shop.fronts = [tail]
    var wiki = ServerStatus()
    wiki.group = "wiki"
    wiki.title = "wiki"
    wiki.urls = "/wiki"
    wiki.state = .failed
    wiki.generationsFailed = 4
    wiki.deathCounts[.mold, .exit] = 4
    return [blog, shop, wiki]
  }

  static func worker(
    slot: Int, pid: Int32, _ phase: ServerStatus.Phase, _ states: [ProcessState]
  ) -> ServerStatus.Worker {
    var worker = ServerStatus.Worker()
    worker.slot = slot
    worker.pid = pid
    worker.generation = 2
    worker.phase = phase
    worker.ageMs = 61_000
    worker.handlers = states.map { state in
      var handler = ServerStatus.Handler()
      handler.state = state
      return handler
    }
    return worker
  }

  /// A front with 20 connections and 4 requests that wait.
  static var front: ServerStatus.Front {
    var front = ServerStatus.Front()
    front.pid = 4800
    front.connections.total = 20
    front.connections.keepAlive = 9
    front.connections.waiting = 4
    return front
  }

  /// As many slots as there can be, every one with workers that had a request.
  static func big(slots: Int, threads: Int) -> ServerStatus {
    var status = small
    status.threadsPerWorker = threads
    status.slots = (0..<slots).map { slot in
      var worker = worker(
        slot: slot, pid: Int32(slot + 2), .serving,
        [ProcessState](repeating: .writing, count: threads))
      for index in worker.handlers.indices {
        worker.handlers[index].client = "2001:db8::\(slot)"
        worker.handlers[index].host = "example.org"
        worker.handlers[index].request = "GET /\(slot)/\(index) HTTP/1.1"
        worker.handlers[index].sinceBeginMs = Int64(slot * 1000 + index)
      }
      return worker
    }
    return status
  }

  /// What a hostile client may send, as the scoreboard hands it on: repaired UTF-8.
  static let hostile = [
    "<script>alert('1')</script>", "\" onmouseover=\"x", "GET /\u{1B}]0;own\u{7}\u{9B}2J HTTP/1.1",
    "a\r\nTotal Accesses: 1\nb", "\u{202E}gnp.exe\u{2028}\u{0}", "</style></title>&amp;\\u0041\\",
    String(decoding: [0xFF, 0xFE, 0xC0, 0xAF, 0x22], as: UTF8.self), "ünïcode/日本",
  ]

  /// A server in which every text is `text`.
  static func foreign(_ text: String) -> ServerStatus {
    var status = small
    status.software = text
    status.title = text
    status.mpm = text
    status.policy = text
    status.group = text
    status.urls = text
    status.python = text
    for index in 0..<2 {
      status.slots[0]?.handlers[index].client = text
      status.slots[0]?.handlers[index].host = text
      status.slots[0]?.handlers[index].request = text
      status.slots[0]?.handlers[index].sinceBeginMs = 1
    }
    return status
  }

  /// Numbers as a broken application might write them into shared memory.
  static func absurd(_ number: Int64) -> ServerStatus {
    var status = small
    status.nowSeconds = number
    status.startedSeconds = number == .max ? .min : number
    status.servingSinceSeconds = number == .max ? .min : number
    status.generation = Int(number)
    status.mostWorkers = Int(number)
    status.cpuMs = number
    status.totals = ServerStatus.Totals(requests: number, bytes: number, durationMs: number)
    status.forks = number
    status.shed = number
    for reason in ShedReason.allCases { status.shedReasons[reason] = number }
    status.lockWaits = ServerStatus.LockWaits(count: number, us: number)
    status.interrupted = number
    status.generationsServed = number
    status.deathCounts[.worker, .signal] = number
    for index in 0..<ServiceTimes.classes { status.serviceTimes.add(number, to: index) }
    status.memory = ServerStatus.Memory()
    status.memory?.usedBytes = number
    status.memory?.stallPercent = Int(number)
    status.memory?.capacity = Int(number)
    for slot in [0, 2] {
      status.slots[slot]?.generation = Int(number)
      status.slots[slot]?.ageMs = number
      status.slots[slot]?.cpuMs = number
      status.slots[slot]?.connections.total = Int(number)
      status.slots[slot]?.connections.waiting = Int(number)
      status.slots[slot]?.totals.bytes = number
      status.slots[slot]?.handlers[0].sinceBeginMs = number
      status.slots[slot]?.handlers[0].lastDurationMs = number
    }
    return status
  }
}
