// The same script to SQLite alone, to SQLite on a volume, and through PostgreSQL's protocol: equal
// answers, and at the end equal pages.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "compute/vfs/sqlite_vfs.h"
#include "tests/compat/made_script.h"
#include "tests/compat/sqlite_answerer.h"
#include "tests/unit/sql_endpoint.h"

namespace hexad::compat {
namespace {

using unit::MemoryVolume;

class Volumes : public compute::DatabaseDirectory {
 public:
  static Volumes& The() {
    static auto* const volumes = [] {
      auto* made = new Volumes;
      EXPECT_TRUE(compute::RegisterVfs("hexad-compat", *made).ok());
      return made;
    }();
    return *volumes;
  }
  absl::StatusOr<std::shared_ptr<compute::Database>> Find(const std::string& name) override {
    return databases_.at(name);
  }
  std::shared_ptr<MemoryVolume> Make(const std::string& name) {
    auto volume = std::make_shared<MemoryVolume>(name);
    databases_[name] = std::make_shared<compute::Database>(volume);
    return volume;
  }

 private:
  std::map<std::string, std::shared_ptr<compute::Database>> databases_;
};

class WireAnswerer : public Answerer {
 public:
  explicit WireAnswerer(const std::string& database)
      : client_(unit::SqlEndpoint::The().port(), database) {}
  std::string_view dialect() const override { return "hexad"; }
  absl::StatusOr<Answer> Ask(const std::string& sql) override {
    const unit::PqAnswer told = client_.Ask(sql);
    if (!told.ok()) return absl::UnknownError(told.sqlstate + " " + told.message);
    Answer answer;
    for (const auto& values : told.rows) {
      auto& row = answer.emplace_back();
      for (const auto& value : values) row.push_back(value == "(null)" ? Cell() : Cell(value));
    }
    return answer;
  }

 private:
  unit::PqClient client_;
};

std::string BytesOf(const std::filesystem::path& path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// Where SQLite writes by itself. Not its memory, which keeps what a freed page held.
struct ScratchFile {
  ScratchFile() { Remove(); }
  ~ScratchFile() { Remove(); }
  void Remove() const {
    std::filesystem::remove(path);
    std::filesystem::remove(path + "-journal");
  }
  const std::string path =
      std::filesystem::temp_directory_path() / ("hexad-sqllogic-" + std::to_string(getpid()));
};

// The bytes of the file without those that count commits.
std::string WithoutCounters(std::string file) {
  for (const size_t at : {24u, 92u, 96u}) {
    if (file.size() >= at + 4) file.replace(at, 4, 4, '\0');
  }
  return file;
}

std::string PagesOf(MemoryVolume& volume, size_t bytes) {
  std::string pages;
  for (uint64_t page = 0; pages.size() < bytes; ++page) {
    pages += volume.ReadPage(PageNo(page), volume.vdl()).value().page;
  }
  return pages;
}

void ExpectEqualPages(const std::string& stock, MemoryVolume& volume) {
  const std::string expected = WithoutCounters(stock);
  const std::string found = WithoutCounters(PagesOf(volume, stock.size()));
  ASSERT_EQ(expected.size(), found.size());
  for (size_t at = 0; at < expected.size(); at += volume.page_size()) {
    ASSERT_EQ(expected.compare(at, volume.page_size(), found, at, volume.page_size()), 0)
        << "page " << at / volume.page_size();
  }
}

size_t Wanted(const char* variable, size_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoul(text, nullptr, 10);
}

// HEXAD_SQLLOGIC_KEEP: a folder for the scripts that were made.
void Keep(const std::string& name, const Script& script) {
  if (const char* folder = std::getenv("HEXAD_SQLLOGIC_KEEP"); folder != nullptr) {
    std::ofstream(std::filesystem::path(folder) / (name + ".test")) << Print(script);
  }
}

TEST(SqlLogic, MadeScriptsHaveOneAnswer) {
  const size_t first = Wanted("HEXAD_SQLLOGIC_FIRST_SEED", 1);
  const size_t seeds = Wanted("HEXAD_SQLLOGIC_SEEDS", 60);
  size_t records = 0;
  for (size_t seed = first; seed < first + seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const std::string name = "seed" + std::to_string(seed);
    const ScratchFile file;
    SqliteAnswerer stock(file.path, nullptr);
    ASSERT_TRUE(stock.Ask("pragma synchronous = off").ok());
    const auto complete = Complete(MakeScript(seed, 300), stock);
    ASSERT_TRUE(complete.ok()) << complete.status();
    Keep(name, *complete);
    const auto script = Parse(Print(*complete));
    ASSERT_TRUE(script.ok()) << script.status();

    const auto direct = Volumes::The().Make(name);
    SqliteAnswerer on_volume(name, "hexad-compat");
    const Checked directly = Check(*script, on_volume);
    EXPECT_EQ(directly.first_difference, "") << "on the VFS";
    ExpectEqualPages(BytesOf(file.path), *direct);

    const auto served = unit::SqlEndpoint::The().Make(name);
    WireAnswerer wire(name);
    const Checked through = Check(*script, wire);
    EXPECT_EQ(through.first_difference, "") << "through the wire";
    ExpectEqualPages(BytesOf(file.path), *served);
    records += directly.records + through.records;
    if (HasFailure()) break;
  }
  std::cout << seeds << " scripts, " << records << " answers compared\n";
}

// HEXAD_SQLLOGIC_FILES: a folder of scripts from elsewhere, with the answers that they have.
TEST(SqlLogic, ScriptsFromElsewhere) {
  const char* folder = std::getenv("HEXAD_SQLLOGIC_FILES");
  if (folder == nullptr) GTEST_SKIP() << "HEXAD_SQLLOGIC_FILES names no folder";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".test") continue;
    SCOPED_TRACE(entry.path().string());
    const auto script = Parse(BytesOf(entry.path()));
    ASSERT_TRUE(script.ok()) << script.status();
    const std::string name = entry.path().stem().string();
    Volumes::The().Make(name);
    SqliteAnswerer on_volume(name, "hexad-compat");
    EXPECT_EQ(Check(*script, on_volume).first_difference, "") << "on the VFS";
    unit::SqlEndpoint::The().Make(name);
    WireAnswerer wire(name);
    EXPECT_EQ(Check(*script, wire).first_difference, "") << "through the wire";
  }
}

}  // namespace
}  // namespace hexad::compat
