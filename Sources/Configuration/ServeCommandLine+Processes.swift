// ServeCommandLine+Processes: what the words mean for processes, and what they leave open. Pure.
//
//   preset ─▶ policy and MPM ─▶ is every option one of theirs? ─▶ threads ─▶ loadline: workers
//                                                                        └─▶ apache: corrections
//
// Each step sees what the ones before it decided. Every value ends with an origin that says why it
// is what it is.
internal import ProcessPolicy

extension ServeCommandLine {
  /// Most workers that the rows of the table allow.
  private static let mostWorkers = 1000
  /// Requests at a time for each usable CPU, up to which workers are added by default.
  private static let handlersPerCPU = 16
  /// Decides what was left open about processes, and corrects what cannot work.
  ///
  /// - Throws: one sentence, where words contradict each other.
  mutating func settleProcesses(usableCPUs: Int) throws(UsageError) {
    try applyPreset()
    settleMode()
    try refuseOptionsOfAnotherPolicy()
    try refuseOptionsOfAnotherModel()
    settleThreads()
    if settings.usesApachePolicy {
      try correctApacheSettings()
    } else {
      settleWorkers(usableCPUs: usableCPUs)
      settleHandlers()
    }
    markUnused()
  }

  // MARK: policy and process model

  private mutating func applyPreset() throws(UsageError) {
    guard let preset = ApacheSettings.preset(named: settings.preset) else { return }
    let option = "--preset \(presetWord)"
    guard origin(of: "policy").typedOption == nil || settings.usesApachePolicy else {
      throw UsageError(
        "\(option) is a block of Apache's, which --policy loadline does not read; leave one of "
          + "them out")
    }
    guard origin(of: "mpm").typedOption == nil || settings.processModel == preset.mpm else {
      throw UsageError(
        "\(option) is a block for \(preset.mpm.rawValue), which --mpm \(settings.mpm) "
          + "contradicts; leave one of them out")
    }
    if settings.policy != "apache" { origins["policy"] = .decided(option) }
    if origin(of: "mpm").typedOption == nil { origins["mpm"] = .decided(option) }
    settings.policy = "apache"
    settings.mpm = preset.mpm.rawValue
  }

  /// httpd's process models say how clients' connections meet workers, and in daemon mode no
  /// connection meets any.
  private mutating func settleMode() {
    let isEvent = settings.processModel == .event
    guard settings.isDaemon, !isEvent || settings.usesApachePolicy else { return }
    let words = settings.usesApachePolicy ? policyReason : "--mpm \(settings.mpm)"
    guard let typed = origin(of: "mode").typedOption else {
      settings.mode = "embedded"
      origins["mode"] = .decided("\(words) is about workers that have the connections")
      return
    }
    guard !isEvent else { return }
    let advice =
      settings.processModel == .prefork
      ? "give --threads 1 for an application that is not safe with threads" : "leave it out"
    warnings.append(
      "--mpm \(settings.mpm) has no effect with \(typed) daemon, where fronts have the "
        + "connections; \(advice), or choose --mode embedded")
  }

  private var presetWord: String {
    SettingsTable.definition(named: "preset")?.texts(in: settings).first ?? settings.preset
  }

  private func refuseOptionsOfAnotherPolicy() throws(UsageError) {
    if settings.usesApachePolicy {
      guard let option = origin(of: "workers").typedOption else { return }
      throw UsageError(
        "\(option) is of the policy loadline, and \(policyReason) was chosen; give "
          + "--start-servers and --max-request-workers instead")
    }
    for definition in SettingsTable.apache where definition.name != "preset" {
      guard let option = origin(of: definition.name).typedOption else { continue }
      let countsProcesses = ["start-servers", "server-limit", "max-request-workers"]
      let other =
        countsProcesses.contains(definition.name)
        ? "give --workers MIN-MAX instead" : "leave it out"
      throw UsageError(
        "\(option) is a directive of Apache's, which the policy loadline does not read; add "
          + "--policy apache, or \(other)")
    }
  }

  /// What made it Apache's policy, as it was typed.
  private var policyReason: String {
    origin(of: "policy").typedOption == nil ? "--preset \(presetWord)" : "--policy apache"
  }

  private func refuseOptionsOfAnotherModel() throws(UsageError) {
    guard settings.usesApachePolicy else { return }
    for definition in SettingsTable.apache {
      let models = SettingsTable.models(of: definition.name)
      guard let option = origin(of: definition.name).typedOption,
        !models.contains(settings.processModel)
      else { continue }
      let instead =
        switch definition.name {
        case "min-spare-servers": "give --min-spare-threads instead"
        case "max-spare-servers": "give --max-spare-threads instead"
        case "min-spare-threads": "give --min-spare-servers instead"
        case "max-spare-threads": "give --max-spare-servers instead"
        default: "leave it out"
        }
      let names = models.map(\.rawValue).joined(separator: " and ")
      throw UsageError(
        "\(option) is of the process model \(names), and \(settings.mpm) was chosen; \(instead), "
          + "or choose the other model with --mpm")
    }
  }

  // MARK: threads and workers

  private mutating func settleThreads() {
    let typed = origin(of: "threads").typedOption
    if settings.processModel == .prefork {
      if let typed, settings.threadsMax > 1 {
        let text =
          "\(typed) \(threadsWord): a process of prefork has one thread, so 1 is used; leave "
          + "\(typed) out, or give --mpm event"
        warnings.append(text)
        origins["threads"] = .corrected("a process of prefork has one thread")
      } else if typed == nil {
        origins["threads"] = .decided("a process of prefork has one thread")
      }
      (settings.threadsMin, settings.threadsMax) = (1, 1)
    } else if typed == nil, settings.usesApachePolicy {
      settings.threadsMin = standard.threadsPerChild
      settings.threadsMax = settings.threadsMin
      origins["threads"] = standardOrigin
    } else if settings.usesApachePolicy || settings.processModel == .worker {
      fixThreads(typed: typed)
    }
  }

  /// Only `event` under `loadline` has a number of threads that changes.
  private mutating func fixThreads(typed: String?) {
    guard settings.threadsMin < settings.threadsMax else { return }
    let reason =
      settings.usesApachePolicy
      ? "a process of Apache's has a fixed number of threads"
      : "with --mpm worker a process has a fixed number of threads"
    if let typed {
      warnings.append(
        "\(typed) \(threadsWord): \(reason), so \(settings.threadsMin) are used; give one number, "
          + "or --mpm event with --policy loadline")
      origins["threads"] = .corrected(reason)
    } else {
      origins["threads"] = .decided(reason)
    }
    settings.threadsMax = settings.threadsMin
  }

  /// The value of `--threads` as it was typed.
  private var threadsWord: String {
    SettingsTable.definition(named: "threads")?.texts(in: settings).first ?? ""
  }

  /// Who types a range of threads wants them for every worker; by default they only stand in for
  /// workers that cannot be.
  private mutating func settleHandlers() {
    let threads =
      origin(of: "threads").typedOption == nil ? settings.threadsMin : settings.threadsMax
    settings.maxRequestWorkers = settings.workersMax * threads
    origins["max-request-workers"] = .decided("\(settings.workersMax) workers x \(threads) threads")
  }

  private mutating func settleWorkers(usableCPUs: Int) {
    guard origin(of: "workers").typedOption == nil else { return }
    let cpus = min(max(usableCPUs, 1), Self.mostWorkers)
    let most = Self.handlersPerCPU * cpus / settings.threadsMin
    settings.workersMin = cpus
    settings.workersMax = min(max(cpus, most), Self.mostWorkers)
    origins["workers"] = .decided(
      usableCPUs == 1 ? "1 CPU is usable" : "\(usableCPUs) CPUs are usable")
  }

  // MARK: Apache's directives

  /// What httpd starts from: the preset, or its defaults for the process model.
  private var standard: ApacheSettings {
    ApacheSettings.preset(named: settings.preset) ?? ApacheSettings(mpm: settings.processModel)
  }

  private var standardOrigin: SettingOrigin {
    .decided(
      settings.preset.isEmpty ? "httpd's default for \(settings.mpm)" : "--preset \(presetWord)")
  }

  private mutating func correctApacheSettings() throws(UsageError) {
    let result: (settings: ApacheSettings, corrections: [SettingCorrection])
    do throws(RefusedSetting) {
      result = try settings.apacheSettings.corrected()
    } catch {
      throw UsageError(sentence(about: error.directive, error.text))
    }
    try requireRoom(for: result.settings)
    var reasons: [String: String] = [:]
    for correction in result.corrections {
      warnings.append(sentence(about: correction.directive, correction.text))
      let text = Self.withoutPeriod(correction.text)
      reasons[correction.directive] =
        reasons[correction.directive].map { "\($0); then \(text)" } ?? text
    }
    for definition in SettingsTable.apache + SettingsTable.processes {
      if let reason = definition.directive.flatMap({ reasons[$0] }) {
        origins[definition.name] = .corrected(reason)
      } else if definition.group == .apache, definition.name != "preset",
        origin(of: definition.name).typedOption == nil
      {
        origins[definition.name] = standardOrigin
      }
    }
    settings.take(result.settings)
  }

  /// `text`, which is about `directive`, behind the option that stands for it.
  private func sentence(about directive: String, _ text: String) -> String {
    let text = Self.withoutPeriod(text)
    guard let definition = SettingsTable.all.first(where: { $0.directive == directive }) else {
      return text
    }
    if let option = origin(of: definition.name).typedOption { return "\(option): \(text)" }
    let source = settings.preset.isEmpty ? "httpd's default" : "--preset \(presetWord)"
    return "--\(definition.name) (\(source)): \(text)"
  }

  /// Messages of the program end without one.
  private static func withoutPeriod(_ text: String) -> String {
    String(text.hasSuffix(".") ? text.dropLast() : text[...])
  }

  private func requireRoom(for corrected: ApacheSettings) throws(UsageError) {
    let most = ServerSettings.mostProcesses
    guard corrected.slotLimit > most else { return }
    let written = settings.apacheSettings
    if corrected.processLimit <= most {
      throw UsageError(
        "--server-limit \(written.serverLimit) is more than the \(most) processes that "
          + "Plimsoll keeps track of; \(corrected.processLimit) are enough for "
          + "--max-request-workers")
    }
    let option = origin(of: "max-request-workers").typedOption ?? "--max-request-workers"
    throw UsageError(
      "\(option) \(written.maxRequestWorkers) with --server-limit \(written.serverLimit) makes up "
        + "to \(corrected.processLimit) processes, more than the \(most) that Plimsoll keeps "
        + "track of; give at most \(most * corrected.threadsPerChild)"
        + (corrected.mpm == .prefork ? "" : ", or more --threads"))
  }

  // MARK: what has no effect

  private mutating func markUnused() {
    guard settings.usesApachePolicy else {
      for definition in SettingsTable.apache
      where !["preset", "max-request-workers"].contains(definition.name) {
        origins[definition.name] = .unused("--policy is loadline")
      }
      return
    }
    origins["workers"] = .unused("--policy is apache")
    for definition in SettingsTable.apache
    where !SettingsTable.models(of: definition.name).contains(settings.processModel) {
      origins[definition.name] = .unused("--mpm is \(settings.mpm)")
    }
  }
}
