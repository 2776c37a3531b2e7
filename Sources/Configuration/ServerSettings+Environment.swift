// ServerSettings+Environment: the variables that the settings give the application. Pure.

extension ServerSettings {
  /// What is set in the environment of the processes that run Python, in this order, so that later
  /// ones win: the files of `--env-file`, `--lang` and `--locale`, `--env`.
  public func variables(from files: [EnvironmentFile]) -> [EnvironmentFile.Variable] {
    var variables = files.flatMap(\.variables)
    if !language.isEmpty {
      variables.append(EnvironmentFile.Variable(name: "LANG", value: language))
    }
    if !locale.isEmpty {
      variables.append(EnvironmentFile.Variable(name: "LC_ALL", value: locale))
    }
    for text in environment {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2 else { continue }
      variables.append(
        EnvironmentFile.Variable(name: String(parts[0]), value: String(parts[1])))
    }
    return variables
  }
}
