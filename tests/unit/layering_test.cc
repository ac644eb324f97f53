// The include matrix of ARCHITECTURE.md, read off every #include of the tree; the ban on threads,
// clocks, files and libraries in ring 0, read off its sources and off its archives' undefined
// symbols.
//
// The checkers are tested first, on planted violations: a checker that cannot fail proves nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// A row of the matrix: the files under a folder, and the folders whose headers they may include
// besides their own. The longest matching folder is a file's row.
struct Row {
  std::string folder;
  std::vector<std::string> may_include;
};

const std::vector<Row>& Matrix() {
  static const std::vector<std::string> kShell = {
      "backtrack/", "quorum/", "quorum/base/", "proto/", "topology/", "metrics/", "process/"};
  const auto shell_and = [](std::vector<std::string> own) {
    own.insert(own.end(), kShell.begin(), kShell.end());
    return own;
  };
  static const std::vector<Row> kMatrix = {
      // Ring 0.
      {"quorum/base/", {}},
      {"quorum/", {"quorum/base/"}},
      {"backtrack/", {"quorum/", "quorum/base/"}},
      {"storage-node/core/", {"backtrack/", "quorum/", "quorum/base/"}},
      {"compute/core/", {"backtrack/", "quorum/", "quorum/base/"}},
      // Ring 1. Storage node and compute never see each other.
      {"proto/", {"backtrack/", "quorum/", "quorum/base/"}},
      {"topology/", {"quorum/", "quorum/base/"}},
      {"metrics/", {"quorum/base/"}},
      {"process/", {"quorum/base/"}},
      {"storage-node/", shell_and({"storage-node/core/"})},
      {"compute/", shell_and({"compute/core/"})},
      // Ring 2. The command line sees the engine's one header (and what a process with volumes open
      // tells of them, which the bench and whoever looks at a volume is), and the workloads that it
      // runs.
      {"cli/",
       shell_and({"compute/engine.h", "compute/place_text.h", "compute/host/compute_metrics.h",
                  "compute/host/volume_state.h", "bench/workload/", "bench/floor/"})},
      {"bench/workload/", shell_and({"compute/engine.h", "compute/core/"})},
      {"bench/floor/", shell_and({"storage-node/"})},
      {"bench/", shell_and({"compute/", "compute/core/", "storage-node/", "storage-node/core/",
                            "bench/workload/", "bench/floor/", "cli/"})},
      {"tests/", shell_and({"compute/", "compute/core/", "storage-node/", "storage-node/core/",
                            "cli/", "bench/", "bench/workload/"})},
  };
  return kMatrix;
}

constexpr char kThisFile[] = "tests/unit/layering_test.cc";

const std::vector<std::string> kRing0 = {"quorum/", "backtrack/", "storage-node/core/",
                                         "compute/core/"};

const Row* RowOf(const std::string& path) {
  const Row* longest = nullptr;
  for (const Row& row : Matrix()) {
    if (!path.starts_with(row.folder)) continue;
    if (longest == nullptr || row.folder.size() > longest->folder.size()) longest = &row;
  }
  return longest;
}

// Comments blanked, so that prose may name what code must not. Strings hold no "//" in this tree's
// cores; a string that did would only hide the rest of its line.
std::string WithoutComments(const std::string& text) {
  return std::regex_replace(text, std::regex("//[^\n]*"), "");
}

std::vector<std::string> IncludesOf(const std::string& text, char open, char close) {
  const std::regex line(std::string("^\\s*#\\s*include\\s*") + open + "([^" + close + "\n]+)" +
                        close);
  std::vector<std::string> includes;
  std::istringstream lines(text);
  for (std::string one; std::getline(lines, one);) {
    std::smatch match;
    if (std::regex_search(one, match, line)) includes.push_back(match[1]);
  }
  return includes;
}

// "quorum/path.h includes proto/wire.h" for every include that the matrix does not allow.
std::vector<std::string> WrongIncludes(const std::string& path, const std::string& text) {
  std::vector<std::string> wrong;
  const Row* row = RowOf(path);
  if (row == nullptr) return {path + " stands in no row of the matrix"};
  for (const std::string& include : IncludesOf(text, '"', '"')) {
    const Row* target = RowOf(include);
    if (target == nullptr || target == row) continue;  // a library's header, or its own folder
    const bool allowed = std::ranges::any_of(row->may_include, [&](const std::string& folder) {
      return include == folder || target->folder == folder;
    });
    if (!allowed) wrong.push_back(path + " includes " + include);
  }
  return wrong;
}

// What ring 0 must not say. Each is a word of code, not a part of another word.
const std::vector<std::string> kBannedTokens = {
    R"(std::(thread|jthread|mutex|shared_mutex|recursive_mutex|condition_variable|atomic|future))",
    R"(std::(chrono|random_device|mt19937|uniform_\w+_distribution|rand))",
    R"(std::(fstream|ifstream|ofstream|filesystem|cout|cerr|clog|getenv))",
    R"(\b(grpc|rocksdb|spdlog|sqlite3|prometheus)(::|_))",
    R"(\b(google::protobuf|absl::(Mutex|Now|Time|Notification|BitGen)))",
    R"(\b(clock_gettime|gettimeofday|pthread_\w+|usleep|nanosleep|srand|fopen|socket)\s*\()",
    R"(\b(thread_local|volatile|asm)\b)",
    R"(\b(double|float)\b)",  // no floating point in decisions
};
const std::set<std::string> kBannedHeaders = {
    "thread",   "mutex",  "shared_mutex", "condition_variable", "atomic",   "future",
    "chrono",   "random", "fstream",      "filesystem",         "iostream", "unistd.h",
    "ctime",    "time.h", "pthread.h",    "sys/socket.h",       "fcntl.h",  "latch",
    "semaphore"};

std::vector<std::string> BannedWords(const std::string& path, const std::string& text) {
  std::vector<std::string> found;
  const std::string code = WithoutComments(text);
  for (const std::string& token : kBannedTokens) {
    std::smatch match;
    const std::regex pattern(token);
    if (std::regex_search(code, match, pattern)) found.push_back(path + " says " + match[0].str());
  }
  for (const std::string& header : IncludesOf(code, '<', '>')) {
    if (kBannedHeaders.contains(header)) found.push_back(path + " includes <" + header + ">");
  }
  return found;
}

// Who reads this tree has its docs/ and the two papers, and nothing else.
std::vector<std::string> ForeignCitations(const std::string& path, const std::string& text) {
  static const std::regex kForeign(R"(\b(DESIGN|FAULTS\.md|CLI\.md|AURORA\.md|STYLE\.md)(?!\w))");
  std::smatch match;
  if (!std::regex_search(text, match, kForeign)) return {};
  return {path + " cites " + match[1].str()};
}

// A test waits for an event, with a deadline; time alone proves nothing. Only tests/cluster, whose
// events happen in other processes, may look again after a while.
std::vector<std::string> Sleeps(const std::string& path, const std::string& text) {
  static const std::regex kSleep(R"(\b(sleep_for|sleep_until|u?sleep|nanosleep|SleepFor)(\s*)\()");
  std::vector<std::string> found;
  if (!path.starts_with("tests/") || path.starts_with("tests/cluster/")) return found;
  std::smatch match;
  const std::string code = WithoutComments(text);
  if (std::regex_search(code, match, kSleep)) found.push_back(path + " calls " + match[1].str());
  return found;
}

// What an archive of ring 0 must not need from elsewhere (nm -C names).
std::vector<std::string> BannedSymbols(const std::string& nm_output) {
  static const std::regex kBanned(
      R"((grpc|rocksdb|google::protobuf|sqlite3|spdlog)|\b(clock_gettime|gettimeofday|time|open|)"
      R"(fopen64|fopen|socket|nanosleep)$|\bpthread_\w+|std::(thread|random_device|condition_)"
      R"(variable)|std::chrono::_V2::\w+::now|std::(__cxx11::)?(basic_)?[io]?fstream)");
  std::set<std::string> found;
  std::istringstream lines(nm_output);
  for (std::string line; std::getline(lines, line);) {
    const size_t at = line.find(" U ");
    if (at == std::string::npos) continue;
    const std::string symbol = line.substr(at + 3);
    if (std::regex_search(symbol, kBanned)) found.insert(symbol);
  }
  return {found.begin(), found.end()};
}

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// Every source of the tree, as a path from the root (the tests' working folder).
std::vector<std::string> Sources(const std::vector<std::string>& folders) {
  std::vector<std::string> sources;
  for (const std::string& folder : folders) {
    if (!fs::exists(folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      const fs::path extension = entry.path().extension();
      if (extension == ".h" || extension == ".cc") sources.push_back(entry.path().string());
    }
  }
  return sources;
}

std::string Nm(const std::string& archive) {
  FILE* pipe = popen(("nm -C --undefined-only " + archive + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return "";
  std::string output;
  std::array<char, 4096> buffer{};
  while (const size_t n = fread(buffer.data(), 1, buffer.size(), pipe)) {
    output.append(buffer.data(), n);
  }
  return pclose(pipe) == 0 ? output : "";
}

TEST(LayeringCheckers, CatchAPlantedInclude) {
  EXPECT_THAT(WrongIncludes("quorum/path.cc", "#include \"proto/wire.h\"\n"), SizeIs(1));
  EXPECT_THAT(WrongIncludes("quorum/base/bytes.h", "#include \"quorum/path.h\"\n"), SizeIs(1));
  EXPECT_THAT(WrongIncludes("storage-node/io/x.cc", "#include \"compute/engine.h\"\n"), SizeIs(1));
  EXPECT_THAT(WrongIncludes("compute/host/x.cc", "#include \"storage-node/core/plans.h\"\n"),
              SizeIs(1));
  EXPECT_THAT(WrongIncludes("cli/x.cc", "#include \"compute/host/engine.h\"\n"), SizeIs(1));
  EXPECT_THAT(WrongIncludes("compute/x.cc", "#include \"tests/sim/world.h\"\n"), SizeIs(1));
  EXPECT_THAT(WrongIncludes("somewhere/x.cc", ""), SizeIs(1));

  EXPECT_THAT(WrongIncludes("quorum/path.cc", "#include \"quorum/base/bytes.h\"\n"), IsEmpty());
  EXPECT_THAT(WrongIncludes("cli/x.cc", "#include \"compute/engine.h\"\n"), IsEmpty());
}

TEST(LayeringCheckers, CatchAPlantedWord) {
  EXPECT_THAT(BannedWords("quorum/x.cc", "static std::mutex m;"), SizeIs(1));
  EXPECT_THAT(BannedWords("quorum/x.cc", "#include <chrono>\n"),
              ElementsAre("quorum/x.cc includes <chrono>"));
  EXPECT_THAT(BannedWords("quorum/x.cc", "double share = 0.5;"), SizeIs(1));
  EXPECT_THAT(BannedWords("quorum/x.cc", "auto now = absl::Now();"), SizeIs(1));
  EXPECT_THAT(BannedWords("quorum/x.cc", "// no std::mutex here, nor a double\nint doubled;"),
              IsEmpty());
}

TEST(LayeringCheckers, CatchAPlantedSleep) {
  EXPECT_THAT(Sleeps("tests/unit/x.cc", "std::this_thread::sleep_for(kPause);"),
              ElementsAre("tests/unit/x.cc calls sleep_for"));
  EXPECT_THAT(Sleeps("tests/contract/x.cc", "usleep(10);"), SizeIs(1));
  EXPECT_THAT(Sleeps("tests/model/x.cc", "absl::SleepFor(pause);"), SizeIs(1));
  EXPECT_THAT(Sleeps("tests/unit/x.cc", "// no sleep(1) here\nint asleep(int);"), IsEmpty());
  EXPECT_THAT(Sleeps("tests/cluster/x.cc", "std::this_thread::sleep_for(kPause);"), IsEmpty());
}

TEST(LayeringCheckers, CatchAPlantedCitation) {
  EXPECT_THAT(ForeignCitations("quorum/x.h", "// (DESIGN section 8)\n"),
              ElementsAre("quorum/x.h cites DESIGN"));
  EXPECT_THAT(ForeignCitations("docs/x.md", "see FAULTS.md, row 3"), SizeIs(1));
  EXPECT_THAT(ForeignCitations("docs/x.md", "see docs/recovery.md; a design"), IsEmpty());
}

TEST(LayeringCheckers, CatchAPlantedSymbol) {
  EXPECT_THAT(BannedSymbols("                 U clock_gettime\n"), ElementsAre("clock_gettime"));
  EXPECT_THAT(BannedSymbols("                 U pthread_mutex_lock\n"), SizeIs(1));
  EXPECT_THAT(BannedSymbols("                 U grpc::ClientContext::ClientContext()\n"),
              SizeIs(1));
  EXPECT_THAT(BannedSymbols("                 U std::chrono::_V2::steady_clock::now()\n"),
              SizeIs(1));
  EXPECT_THAT(BannedSymbols("0000 T clock_gettime\n                 U memcpy\n"), IsEmpty());
}

TEST(Layering, EveryIncludeIsAllowedByTheMatrix) {
  const std::vector<std::string> sources =
      Sources({"quorum", "backtrack", "proto", "topology", "metrics", "process", "storage-node",
               "compute", "cli", "tests", "bench"});
  ASSERT_GT(sources.size(), 60u) << "run from the root of the tree";
  std::vector<std::string> wrong;
  for (const std::string& path : sources) {
    for (const std::string& one : WrongIncludes(path, ReadFile(path))) wrong.push_back(one);
  }
  EXPECT_THAT(wrong, IsEmpty());
}

TEST(Layering, OnlyTestsOfProcessesSleep) {
  std::vector<std::string> found;
  for (const std::string& path : Sources({"tests"})) {
    if (path == kThisFile) continue;  // it quotes what it looks for
    for (const std::string& one : Sleeps(path, ReadFile(path))) found.push_back(one);
  }
  EXPECT_THAT(found, IsEmpty());
}

TEST(Layering, OnlyDocumentsOfThisTreeAreCited) {
  std::vector<std::string> found;
  std::vector<std::string> files =
      Sources({"quorum", "backtrack", "proto", "topology", "metrics", "process", "storage-node",
               "compute", "cli", "tests", "bench"});
  for (const auto& entry : fs::recursive_directory_iterator("docs")) {
    if (entry.is_regular_file()) files.push_back(entry.path().string());
  }
  for (const char* file : {"README.md", "ARCHITECTURE.md", "CMakeLists.txt"}) files.push_back(file);
  for (const std::string& path : files) {
    if (path == kThisFile) continue;  // it quotes what it looks for
    for (const std::string& one : ForeignCitations(path, ReadFile(path))) found.push_back(one);
  }
  EXPECT_THAT(found, IsEmpty());
}

TEST(Layering, RingZeroNamesNoThreadClockFileOrLibrary) {
  std::vector<std::string> found;
  const std::vector<std::string> sources = Sources(kRing0);
  ASSERT_GT(sources.size(), 40u);
  for (const std::string& path : sources) {
    for (const std::string& one : BannedWords(path, ReadFile(path))) found.push_back(one);
  }
  EXPECT_THAT(found, IsEmpty());
}

TEST(Layering, RingZeroArchivesNeedNoThreadClockFileOrLibrary) {
  std::istringstream archives(HEXAD_RING0_ARCHIVES);
  size_t checked = 0;
  for (std::string archive; std::getline(archives, archive, ':');) {
    const std::string symbols = Nm(archive);
    ASSERT_NE(symbols, "") << "cannot read " << archive;
    EXPECT_THAT(BannedSymbols(symbols), IsEmpty()) << archive;
    ++checked;
  }
  EXPECT_GE(checked, 4u);
}

}  // namespace
