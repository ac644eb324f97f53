#include "cli/run.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/interrupt.h"
#include "cli/launcher/explain.h"
#include "cli/session.h"
#include "cli/suggest.h"
#include "cli/table.h"
#include "cli/verbs/verbs.h"

namespace hexad::cli {
namespace {

using launcher::ExitCode;

// The verb (and its sub-verb) that was recognised before parsing failed.
const CLI::App* DeepestParsed(const CLI::App& app) {
  const CLI::App* at = &app;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
  return at;
}

std::string PathOf(const CLI::App* app) {
  const CLI::App* parent = app->get_parent();
  return parent == nullptr ? "hexad" : absl::StrCat(PathOf(parent), " ", app->get_name());
}

std::vector<std::string> FlagsOf(const CLI::App* app) {
  std::vector<std::string> flags;
  for (; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
    }
  }
  return flags;
}

std::vector<std::string> VerbsOf(const CLI::App* app) {
  std::vector<std::string> verbs;
  for (const CLI::App* verb : app->get_subcommands([](const CLI::App*) { return true; })) {
    verbs.push_back(verb->get_name());
  }
  return verbs;
}

// The first word that nothing took: an unknown flag, an unknown verb, or one word too many.
std::string DescribeStray(const CLI::App* at, const std::vector<std::string>& stray) {
  if (stray.empty()) return "";
  const std::string word = std::vector<std::string>(absl::StrSplit(stray[0], '='))[0];
  const bool flag = absl::StartsWith(word, "-");
  const std::string meant = Nearest(word, flag ? FlagsOf(at) : VerbsOf(at));
  return absl::StrCat(flag ? "unknown flag " : "unknown word ", word,
                      meant.empty() ? "" : absl::StrCat(": did you mean ", meant, "?"));
}

int ReportParseError(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* at = DeepestParsed(app);
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
    return app.exit(error);  // --help and --version
  }
  std::vector<std::string> stray = app.remaining(true);
  const std::string described = DescribeStray(at, stray);
  std::cerr << "hexad: " << (described.empty() ? error.what() : described) << "\n"
            << "  next: " << PathOf(at) << " --help\n";
  return static_cast<int>(ExitCode::kUsage);
}

int Report(const absl::Status& status, bool colour) {
  const ExitCode code = launcher::ExitCodeOf(status);
  if (code == ExitCode::kDone) return 0;
  std::cerr << Paint(code == ExitCode::kRefused ? "hexad: refused: " : "hexad: ", Colour::kBad,
                     colour)
            << status.message() << "\n";
  return static_cast<int>(code);
}

void AddCommonOptions(CLI::App& app, Session& session) {
  app.add_option("--dir", session.dir, "The cluster's folder")->capture_default_str();
  app.add_flag("--json", session.json, "One JSON object on stdout instead of text");
  app.set_version_flag("--version", std::string("hexad ") + HEXAD_VERSION);
  app.fallthrough();  // and so these options may also follow the verb
  app.require_subcommand(1);
}

}  // namespace

int Run(int argc, char** argv) {
  CLI::App app("An Aurora-style storage volume: six copies in three zones, from one command");
  Session session;
  session.colour = isatty(STDOUT_FILENO) != 0;
  session.progress = isatty(STDERR_FILENO) != 0;
  app.name("hexad");
  AddCommonOptions(app, session);
  AddAllVerbs(app, session);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return ReportParseError(app, error);
  }
  WatchForInterrupt();
  return Report(session.run(), isatty(STDERR_FILENO) != 0);
}

}  // namespace hexad::cli
