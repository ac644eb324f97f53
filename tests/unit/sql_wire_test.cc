// PostgreSQL's frames: what is taken apart, and what is refused because it lies about itself.
#include <gmock/gmock.h>

#include "compute/sql/types.h"
#include "compute/sql/wire.h"

namespace hexad::compute::sql {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::string_literals;

std::string Frame(char type, const std::string& body) {
  const auto size = static_cast<uint32_t>(body.size() + 4);
  std::string frame(1, type);
  for (int shift = 24; shift >= 0; shift -= 8) frame.push_back(static_cast<char>(size >> shift));
  return frame + body;
}

template <class Message>
Message Parsed(const std::string& frame) {
  auto message = ParseMessage(frame);
  EXPECT_TRUE(message.ok()) << message.status();
  return message.ok() ? std::get<Message>(*message) : Message{};
}

TEST(SqlWire, AFrameIsKnownByItsLength) {
  const std::string frame = Frame('Q', "select 1\0"s);
  EXPECT_EQ(FrameSize(frame.substr(0, 4)).value(), std::nullopt);
  EXPECT_EQ(FrameSize(frame.substr(0, 5)).value(), frame.size());
  EXPECT_FALSE(FrameSize("Q\0\0\0\3"s).ok()) << "shorter than its own length";
  EXPECT_FALSE(FrameSize("Q\x7f\xff\xff\xff"s).ok()) << "two gigabytes";
  EXPECT_FALSE(FirstFrameSize("\0\1\0\0"s).ok()) << "65 KB before anybody is known";
}

TEST(SqlWire, AStartupMessageSaysWho) {
  const std::string body = "\0\3\0\0user\0ann\0database\0shop\0\0"s;
  const std::string frame = Frame('x', body).substr(1);
  const auto first = ParseFirst(frame);
  ASSERT_TRUE(first.ok()) << first.status();
  const auto& startup = std::get<StartupMessage>(*first);
  EXPECT_EQ(startup.Find("user"), "ann");
  EXPECT_EQ(startup.Find("database"), "shop");
  EXPECT_EQ(startup.Find("options"), "");
  for (size_t cut = 1; cut < body.size() - 8; ++cut) {
    EXPECT_FALSE(ParseFirst(Frame('x', body.substr(0, body.size() - cut)).substr(1)).ok()) << cut;
  }
}

TEST(SqlWire, OtherFirstMessages) {
  EXPECT_TRUE(std::holds_alternative<SslRequest>(*ParseFirst("\0\0\0\x08\x04\xd2\x16\x2f"s)));
  const auto cancel = ParseFirst("\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\7\0\0\1\0"s);
  ASSERT_TRUE(cancel.ok());
  EXPECT_EQ(std::get<CancelRequest>(*cancel).process, 7u);
  EXPECT_EQ(std::get<CancelRequest>(*cancel).secret, 256u);
  EXPECT_THAT(ParseFirst("\0\0\0\x08\0\2\0\0"s).status().ToString(), HasSubstr("2.0"));
}

TEST(SqlWire, ABindCarriesValuesAndFormats) {
  const std::string body = "p\0s\0"s + "\0\1\0\1"s + "\0\2\0\0\0\2hi\xff\xff\xff\xff"s + "\0\0"s;
  const std::string frame = Frame('B', body);
  const auto bind = Parsed<Bind>(frame);
  EXPECT_EQ(bind.portal, "p");
  EXPECT_EQ(bind.statement, "s");
  EXPECT_THAT(bind.formats, ElementsAre(Format::kBinary));
  EXPECT_THAT(bind.values, ElementsAre(std::optional<std::string_view>("hi"), std::nullopt));
}

TEST(SqlWire, EveryFrameThatIsCutOrLongerIsRefused) {
  const std::vector<std::string> frames = {
      Frame('Q', "select 1\0"s),
      Frame('P', "s\0select $1\0\0\1\0\0\0\x17"s),
      Frame('B', "p\0s\0\0\1\0\1\0\1\0\0\0\2hi\0\1\0\0"s),
      Frame('D', "Sname\0"s),
      Frame('C', "Pname\0"s),
      Frame('E', "p\0\0\0\0\5"s),
  };
  for (const std::string& frame : frames) {
    ASSERT_TRUE(ParseMessage(frame).ok()) << frame[0];
    for (size_t size = 5; size < frame.size(); ++size) {
      EXPECT_FALSE(ParseMessage(frame.substr(0, size)).ok()) << frame[0] << " cut to " << size;
    }
    EXPECT_FALSE(ParseMessage(frame + "x").ok()) << frame[0];
  }
}

TEST(SqlWire, CountsThatLieAllocateNothing) {
  EXPECT_FALSE(ParseMessage(Frame('B', "\0\0\xff\xff"s)).ok());
  EXPECT_FALSE(ParseMessage(Frame('P', "\0\0\xff\xff"s)).ok());
  EXPECT_FALSE(ParseMessage(Frame('B', "\0\0\0\0\0\1\x7f\xff\xff\xff"s)).ok());
  EXPECT_FALSE(ParseMessage(Frame('z', "")).ok());
}

TEST(SqlWire, AnswersHaveTheirLengths) {
  std::string out;
  Answers answers(out);
  answers.ReadyForQuery(TransactionState::kIdle);
  EXPECT_EQ(out, "Z\0\0\0\5I"s);
  out.clear();
  answers.BeginRow(2);
  answers.Value("ab");
  answers.Null();
  answers.EndRow();
  EXPECT_EQ(out, "D\0\0\0\x10\0\2\0\0\0\2ab\xff\xff\xff\xff"s);
  out.clear();
  answers.CommandComplete("INSERT 0 1");
  EXPECT_EQ(out, "C\0\0\0\x0fINSERT 0 1\0"s);
}

TEST(SqlTypes, ColumnsAreCalledAsPostgresCallsThem) {
  EXPECT_EQ(TypeOfDeclared("INTEGER"), kInt4);
  EXPECT_EQ(TypeOfDeclared("bigint"), kInt8);
  EXPECT_EQ(TypeOfDeclared("VARCHAR(20)"), kVarchar);
  EXPECT_EQ(TypeOfDeclared("double precision"), kFloat8);
  EXPECT_EQ(TypeOfDeclared("boolean"), kBool);
  EXPECT_EQ(TypeOfDeclared("bytea"), kBytea);
  EXPECT_EQ(TypeOfDeclared(nullptr), kText);
}

// A value goes in as a client sends it and comes out as a client reads it, in both formats.
class SqlValues : public ::testing::Test {
 protected:
  SqlValues() {
    sqlite3_open(":memory:", &db_);
    sqlite3_prepare_v2(db_, "select ?", -1, &statement_, nullptr);
  }
  ~SqlValues() override {
    sqlite3_finalize(statement_);
    sqlite3_close(db_);
  }
  // The row's one value as it stands on the wire, without its length.
  std::string Through(Oid type, Format in, const std::string& bytes, Format out) {
    sqlite3_reset(statement_);
    const absl::Status bound = BindValue(statement_, 1, type, in, bytes);
    if (!bound.ok()) return std::string(bound.message());
    EXPECT_EQ(sqlite3_step(statement_), SQLITE_ROW);
    std::string row;
    Answers answers(row);
    answers.BeginRow(1);
    const absl::Status said = AppendValue(sqlite3_column_value(statement_, 0),
                                          Column{"c", type, BytesOf(type), out}, answers);
    answers.EndRow();
    return said.ok() ? row.substr(11) : std::string(said.message());
  }
  sqlite3* db_ = nullptr;
  sqlite3_stmt* statement_ = nullptr;
};

TEST_F(SqlValues, IntegersInBothFormats) {
  EXPECT_EQ(Through(kInt4, Format::kText, "-2", Format::kBinary), "\xff\xff\xff\xfe");
  EXPECT_EQ(Through(kInt8, Format::kBinary, "\0\0\0\0\0\0\1\0"s, Format::kText), "256");
  EXPECT_EQ(Through(kInt2, Format::kBinary, "\xff\xff"s, Format::kText), "-1");
  EXPECT_THAT(Through(kInt4, Format::kText, "4000000000", Format::kBinary),
              HasSubstr("not of its declared type"));
  EXPECT_THAT(Through(kInt4, Format::kBinary, "\0\1"s, Format::kText), HasSubstr("2 bytes"));
  EXPECT_THAT(Through(kInt4, Format::kText, "12x", Format::kText), HasSubstr("integer: \"12x\""));
}

TEST_F(SqlValues, TheOtherTypes) {
  EXPECT_EQ(Through(kFloat8, Format::kText, "0.1", Format::kText), "0.1");
  EXPECT_EQ(Through(kFloat8, Format::kText, "1", Format::kBinary), "\x3f\xf0\0\0\0\0\0\0"s);
  EXPECT_EQ(Through(kBool, Format::kText, "true", Format::kText), "t");
  EXPECT_EQ(Through(kBool, Format::kBinary, "\0"s, Format::kText), "f");
  EXPECT_EQ(Through(kBytea, Format::kText, "\\x00ff", Format::kBinary), "\0\xff"s);
  EXPECT_EQ(Through(kBytea, Format::kBinary, "\0\xff"s, Format::kText), "\\x00ff");
  EXPECT_THAT(Through(kBytea, Format::kText, "\\x0", Format::kText), HasSubstr("bytea"));
  EXPECT_EQ(Through(kText, Format::kBinary, "h\xc3\xa9", Format::kText), "h\xc3\xa9");
}

}  // namespace
}  // namespace hexad::compute::sql
