// MoldArguments: what plimsolld tells a mold on its command line. Pure.

/// The arguments of the extension's `run`, in this order, all as text.
struct MoldArguments: Equatable {
  /// The mold's end of its control channel.
  var control: Int32
  /// The memfd with the encoded settings.
  var settings: Int32
  /// The scoreboard's memfd.
  var scoreboard: Int32
  /// The access log; -1 for none.
  var accessLog: Int32
  /// Listening sockets, separated by commas.
  var listeners: [Int32]
  /// Which start of the application this is, from 1 on.
  var generation: Int
  /// Whether the mold imports the application: `--preload`, unless that was found not to work.
  var preloads: Bool

  init?(_ texts: [String]) {
    guard texts.count == 7, let control = Int32(texts[0]), let settings = Int32(texts[1]),
      let scoreboard = Int32(texts[2]), let accessLog = Int32(texts[3]),
      let generation = Int(texts[5])
    else { return nil }
    let listeners = texts[4].split(separator: ",").compactMap { Int32($0) }
    guard listeners.count == texts[4].split(separator: ",").count else { return nil }
    self.control = control
    self.settings = settings
    self.scoreboard = scoreboard
    self.accessLog = accessLog
    self.listeners = listeners
    self.generation = generation
    preloads = texts[6] == "1"
  }

  /// Every descriptor among them that is not a standard stream.
  var descriptors: [Int32] {
    ([control, settings, scoreboard, accessLog] + listeners).filter { $0 > 2 }
  }
}
