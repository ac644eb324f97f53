// SQLite, as Debian ships it, on a volume: what a transaction sees, who may write, what a commit
// is.
#include "compute/vfs/sqlite_vfs.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <map>

#include "tests/unit/memory_volume.h"

namespace hexad::compute {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using unit::MemoryVolume;
using Rows = std::vector<std::string>;

class Databases : public DatabaseDirectory {
 public:
  absl::StatusOr<std::shared_ptr<Database>> Find(const std::string& name) override {
    const auto at = by_name.find(name);
    if (at == by_name.end()) return absl::NotFoundError(name);
    return at->second;
  }
  std::map<std::string, std::shared_ptr<Database>> by_name;
};

Databases& Registered() {
  static Databases* const databases = [] {
    auto* made = new Databases;
    EXPECT_TRUE(RegisterVfs("hexad-test", *made).ok());
    return made;
  }();
  return *databases;
}

class Connection {
 public:
  explicit Connection(const std::string& name) {
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    EXPECT_EQ(sqlite3_open_v2(name.c_str(), &db_, flags, "hexad-test"), SQLITE_OK);
    sqlite3_extended_result_codes(db_, 1);
  }
  ~Connection() { EXPECT_EQ(sqlite3_close(db_), SQLITE_OK); }

  int Run(const std::string& sql) {
    rows_.clear();
    return sqlite3_exec(db_, sql.c_str(), Take, &rows_, nullptr);
  }
  Rows Ask(const std::string& sql) {
    EXPECT_EQ(Run(sql), SQLITE_OK) << sql << ": " << sqlite3_errmsg(db_);
    return rows_;
  }
  DatabaseFile& file() { return *FileOf(db_); }
  sqlite3* raw() const { return db_; }

 private:
  static int Take(void* rows, int columns, char** values, char**) {
    std::string row;
    for (int i = 0; i < columns; ++i) {
      row += (i == 0 ? "" : "|") + std::string(values[i] == nullptr ? "null" : values[i]);
    }
    static_cast<Rows*>(rows)->push_back(row);
    return 0;
  }
  sqlite3* db_ = nullptr;
  Rows rows_;
};

class SqliteVfs : public ::testing::Test {
 protected:
  SqliteVfs() {
    Registered().by_name["main"] = std::make_shared<Database>(volume);
    one = std::make_unique<Connection>("main");
    two = std::make_unique<Connection>("main");
    one->Ask("create table t(a integer primary key, b text)");
  }
  const std::shared_ptr<MemoryVolume> volume = std::make_shared<MemoryVolume>();
  std::unique_ptr<Connection> one;
  std::unique_ptr<Connection> two;
};

TEST_F(SqliteVfs, WhatOneCommitsTheOtherSees) {
  one->Ask("insert into t values(1, 'x'), (2, 'y')");
  EXPECT_THAT(two->Ask("select * from t"), ElementsAre("1|x", "2|y"));
  two->Ask("update t set b = 'z' where a = 2");
  EXPECT_THAT(one->Ask("select b from t where a = 2"), ElementsAre("z"));
  EXPECT_THAT(one->Ask("pragma integrity_check"), ElementsAre("ok"));
}

TEST_F(SqliteVfs, ASnapshotStaysWhileOthersWrite) {
  two->Ask("begin");
  EXPECT_THAT(two->Ask("select count(*) from t"), ElementsAre("0"));
  one->Ask("insert into t values(1, 'x')");
  EXPECT_THAT(two->Ask("select count(*) from t"), ElementsAre("0"));
  EXPECT_EQ(two->Run("insert into t values(2, 'y')"), SQLITE_BUSY_SNAPSHOT)
      << "what it has read is not the newest any more";
  two->Ask("rollback");
  EXPECT_THAT(two->Ask("select count(*) from t"), ElementsAre("1"));
}

TEST_F(SqliteVfs, ThereIsOneWriterAndReadersDoNotMind) {
  one->Ask("begin immediate; insert into t values(1, 'x')");
  EXPECT_EQ(two->Run("begin immediate"), SQLITE_BUSY);
  EXPECT_THAT(two->Ask("select count(*) from t"), ElementsAre("0"));
  one->Ask("rollback");
  EXPECT_THAT(two->Ask("begin immediate; select count(*) from t; commit"), ElementsAre("0"));
  EXPECT_EQ(volume->mtr_bytes().size(), 1u) << "only the table's creation";
}

TEST_F(SqliteVfs, AnExtensionThatIsNotThereIsAnError) {
  ASSERT_EQ(sqlite3_enable_load_extension(one->raw(), 1), SQLITE_OK);
  char* message = nullptr;
  EXPECT_EQ(sqlite3_load_extension(one->raw(), "/nowhere/at_all", nullptr, &message), SQLITE_ERROR);
  EXPECT_THAT(std::string(message), ::testing::HasSubstr("/nowhere/at_all"));
  sqlite3_free(message);
}

TEST_F(SqliteVfs, WhoWritesWithoutALockIsRefused) {
  sqlite3_file* file = nullptr;
  sqlite3_file_control(one->raw(), "main", SQLITE_FCNTL_FILE_POINTER, &file);
  EXPECT_EQ(file->pMethods->xWrite(file, "x", 1, 0), SQLITE_IOERR_WRITE);
  EXPECT_EQ(file->pMethods->xTruncate(file, 0), SQLITE_IOERR_TRUNCATE);
  EXPECT_THAT(two->Ask("pragma integrity_check"), ElementsAre("ok"));
}

// What PRAGMA lock_status shows, in a library that has it.
// A bench's volume, or one whose pages were written by hand.
TEST_F(SqliteVfs, AVolumeThatHoldsSomethingElseIsNotTakenForAnEmptyDatabase) {
  const auto other = std::make_shared<MemoryVolume>();
  Mtr mtr = other->BeginMtr();
  ASSERT_TRUE(mtr.Write(PageNo(0), 200, "no header of SQLite's").ok());
  ASSERT_TRUE(other->Commit(std::move(mtr)).ok());
  Registered().by_name["other"] = std::make_shared<Database>(other);
  Connection stranger("other");
  EXPECT_EQ(stranger.Run("create table t(a)"), SQLITE_NOTADB);
  EXPECT_EQ(stranger.Run("select * from sqlite_schema"), SQLITE_NOTADB);
  EXPECT_EQ(other->mtr_bytes().size(), 1u) << "it is as it was";
}

// SQLite names them beside the database, in the folder that the process happens to run in.
TEST_F(SqliteVfs, ATransactionOverTwoDatabasesLeavesNoFile) {
  Registered().by_name["other"] = std::make_shared<Database>(std::make_shared<MemoryVolume>());
  one->Ask("attach 'other' as other");
  one->Ask("begin; create table other.u(a); insert into t values (1, 'x'); commit");
  EXPECT_THAT(Connection("other").Ask("select name from sqlite_schema"), ElementsAre("u"));
  for (const auto& entry : std::filesystem::directory_iterator(".")) {
    EXPECT_THAT(entry.path().string(), Not(HasSubstr("main-mj")));
  }
}

TEST_F(SqliteVfs, AFolderForTemporaryFilesIsTheSystems) {
  one->Ask("pragma temp_store_directory = '/tmp'");
  EXPECT_THAT(one->Ask("pragma temp_store_directory"), ElementsAre("/tmp"));
  one->Ask("pragma temp_store_directory = ''");
  EXPECT_NE(one->Run("pragma temp_store_directory = '/no/such/folder'"), SQLITE_OK);
}

TEST_F(SqliteVfs, TheLockThatIsHeldCanBeAsked) {
  const auto lock = [this] {
    int state = -1;
    EXPECT_EQ(sqlite3_file_control(one->raw(), "main", SQLITE_FCNTL_LOCKSTATE, &state), SQLITE_OK);
    return state;
  };
  EXPECT_EQ(lock(), SQLITE_LOCK_NONE);
  one->Ask("begin; select * from t");
  EXPECT_EQ(lock(), SQLITE_LOCK_SHARED);
  one->Ask("insert into t values(1, 'x')");
  EXPECT_EQ(lock(), SQLITE_LOCK_RESERVED);
  one->Ask("commit");
  EXPECT_EQ(lock(), SQLITE_LOCK_NONE);
}

TEST_F(SqliteVfs, ACommitIsOneMtrOfByteRanges) {
  one->Ask("insert into t values(1, 'a row of some forty bytes, more or less')");
  ASSERT_EQ(volume->mtr_bytes().size(), 2u);
  EXPECT_LT(volume->mtr_bytes()[1], 200u);
}

TEST_F(SqliteVfs, TheNextTransactionStandsOnWhatIsNotDurableYet) {
  volume->durable_at_once = false;
  const Lsn durable = volume->vdl();
  one->Ask("insert into t values(1, 'x')");
  two->Ask("insert into t values(2, 'y')");
  EXPECT_THAT(one->Ask("select a from t"), ElementsAre("1", "2"));
  EXPECT_EQ(one->file().TakeSeen(), volume->newest()) << "who tells a client of it waits for this";
  EXPECT_EQ(volume->vdl(), durable);

  one->file().set_snapshot_kind(SnapshotKind::kDurable);
  EXPECT_THAT(one->Ask("select a from t"), IsEmpty());
  EXPECT_EQ(one->file().TakeSeen(), Lsn::None()) << "it is durable";
  volume->MakeDurable();
  EXPECT_THAT(one->Ask("select a from t"), ElementsAre("1", "2"));
}

TEST_F(SqliteVfs, ASnapshotBetweenTwoCommitsThatAreNotDurableKeepsItsPages) {
  volume->durable_at_once = false;
  one->Ask("insert into t values(1, 'x')");
  two->Ask("begin");
  EXPECT_THAT(two->Ask("select b from t"), ElementsAre("x"));
  one->Ask("update t set b = 'y'");
  Connection three("main");
  EXPECT_THAT(three.Ask("select b from t"), ElementsAre("y"));
  EXPECT_THAT(two->Ask("pragma cache_size = 0; select b from t"), ElementsAre("x"));
  volume->MakeDurable();
  three.Ask("select b from t");
  EXPECT_THAT(two->Ask("select b from t"), ElementsAre("x"));
}

TEST_F(SqliteVfs, AfterABacktrackNobodyReadsPagesOfBefore) {
  one->Ask("insert into t values(1, 'x')");
  const Lsn kept = volume->newest();
  one->Ask("insert into t values(2, 'gone')");
  EXPECT_THAT(two->Ask("select count(*) from t"), ElementsAre("2"));
  volume->GoBackTo(kept);
  // The same change counter as before, and other pages.
  one->Ask("insert into t values(3, 'new')");
  EXPECT_THAT(two->Ask("select b from t"), ElementsAre("x", "new"));
  EXPECT_THAT(two->Ask("pragma integrity_check"), ElementsAre("ok"));
}

TEST_F(SqliteVfs, ATransactionThatSpansABacktrackFails) {
  one->Ask("insert into t values(1, 'x')");
  const Lsn kept = volume->newest();
  one->Ask("insert into t values(2, 'gone')");
  two->Ask("begin immediate; insert into t values(3, 'on sand')");
  volume->GoBackTo(kept);
  EXPECT_EQ(two->Run("commit") & 0xff, SQLITE_IOERR);
  EXPECT_EQ(UserErrorOf(two->file().trouble()), UserError::kRetry);
  two->Run("rollback");
  EXPECT_THAT(two->Ask("select b from t"), ElementsAre("x"));
}

TEST_F(SqliteVfs, ACommitThatTheVolumeRefusesLeavesNothing) {
  volume->RefuseNext(MakeUserError(UserError::kReadOnly, "no write quorum"));
  EXPECT_EQ(one->Run("insert into t values(1, 'x')") & 0xff, SQLITE_IOERR);
  EXPECT_EQ(UserErrorOf(one->file().trouble()), UserError::kReadOnly);
  EXPECT_THAT(one->Ask("select count(*) from t"), ElementsAre("0"));
  one->Ask("insert into t values(2, 'y')");
  EXPECT_THAT(two->Ask("select a from t"), ElementsAre("2"));
}

TEST_F(SqliteVfs, VacuumGivesPagesBack) {
  one->Ask(
      "insert into t select value, hex(randomblob(500)) from "
      "(with recursive n(value) as (select 1 union all select value + 1 from n where value < "
      "200) select value from n)");
  const auto before = one->Ask("pragma page_count");
  one->Ask("delete from t where a > 3");
  one->Ask("vacuum");
  EXPECT_LT(std::stoi(one->Ask("pragma page_count").front()), std::stoi(before.front()) / 4);
  EXPECT_THAT(two->Ask("select a from t"), ElementsAre("1", "2", "3"));
  EXPECT_THAT(two->Ask("pragma integrity_check"), ElementsAre("ok"));
}

TEST_F(SqliteVfs, EveryJournalModeRollsBackAndWalIsNotThere) {
  for (const std::string mode : {"delete", "truncate", "persist", "memory", "off"}) {
    one->Ask("pragma journal_mode = " + mode);
    if (mode != "off") {
      one->Ask(
          "begin; insert into t values(1, 'x'); savepoint s; insert into t values(2, 'y'); "
          "rollback to s; insert into t values(3, 'z'); rollback");
    }
    EXPECT_THAT(two->Ask("select count(*) from t"), ElementsAre("0")) << mode;
  }
  EXPECT_THAT(two->Ask("pragma journal_mode = wal"), testing::Not(ElementsAre("wal")));
}

TEST_F(SqliteVfs, SqlitesPagesNeedNotBeTheVolumes) {
  for (const std::string bytes : {"512", "1024", "16384", "65536"}) {
    auto other = std::make_shared<MemoryVolume>();
    Registered().by_name["other"] = std::make_shared<Database>(other);
    Connection writer("other");
    writer.Ask("pragma page_size = " + bytes +
               "; create table u(a, b); "
               "insert into u values(1, hex(randomblob(3000)))");
    Connection reader("other");
    EXPECT_THAT(reader.Ask("pragma page_size"), ElementsAre(bytes));
    EXPECT_THAT(reader.Ask("select a, length(b) from u"), ElementsAre("1|6000"));
    EXPECT_THAT(reader.Ask("pragma integrity_check"), ElementsAre("ok"));
  }
}

TEST_F(SqliteVfs, ThePastCanBeReadAndNotWritten) {
  one->Ask("insert into t values(1, 'x')");
  const Lsn then = volume->newest();
  one->Ask("delete from t");
  auto past = Database::AsOf(volume, then);
  ASSERT_TRUE(past.ok());
  Registered().by_name["past"] = *past;
  Connection reader("past");
  EXPECT_THAT(reader.Ask("select * from t"), ElementsAre("1|x"));
  EXPECT_EQ(reader.Run("insert into t values(2, 'y')") & 0xff, SQLITE_READONLY);
}

}  // namespace
}  // namespace hexad::compute
