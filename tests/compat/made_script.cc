#include "tests/compat/made_script.h"

#include <array>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace hexad::compat {
namespace {

// SplitMix64: the same scripts with every compiler.
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}
  size_t Below(size_t bound) {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return static_cast<size_t>((z ^ (z >> 31)) % bound);
  }
  bool OneIn(size_t n) { return Below(n) == 0; }
  template <size_t n>
  const char* Pick(const std::array<const char*, n>& texts) {
    return texts[Below(n)];
  }

 private:
  uint64_t state_;
};

constexpr size_t kTables = 3;
constexpr size_t kValuesBeforeHash = 24;

class Maker {
 public:
  explicit Maker(uint64_t seed) : dice_(seed) {}

  Script Make(size_t steps) {
    Record threshold;
    threshold.kind = Record::Kind::kHashThreshold;
    threshold.threshold = kValuesBeforeHash;
    script_.push_back(threshold);
    for (size_t i = 0; i < kTables; ++i) CreateTable(absl::StrCat("t", i));
    Do("create view v as select t0.id as id, t0.a as a, t1.b as b from t0 join t1 on t0.a = t1.a");
    for (size_t i = 0; i < steps; ++i) Step();
    EndTransaction();
    for (size_t i = 0; i < kTables; ++i) {
      Query("IIRTT", Record::Order::kAsItIs,
            absl::StrCat("select id, a, c, b, m from t", i, " order by id"));
    }
    Query("T", Record::Order::kAsItIs, "pragma integrity_check");
    return std::move(script_);
  }

 private:
  void Do(std::string sql) {
    Record record;
    record.sql = std::move(sql);
    script_.push_back(std::move(record));
  }
  void Query(std::string types, Record::Order order, std::string sql) {
    Record record;
    record.kind = Record::Kind::kQuery;
    record.types = std::move(types);
    record.order = order;
    record.sql = std::move(sql);
    script_.push_back(std::move(record));
  }

  void CreateTable(const std::string& name) {
    Do(absl::StrCat("create table ", name, "(id integer primary key, a integer, b text, c real, m",
                    dice_.OneIn(2) ? ", unique(a, b)" : "",
                    dice_.OneIn(3) ? ", check(a < 900)" : "", ")"));
  }

  void Step() {
    switch (dice_.Below(20)) {
      case 0:
        return Definition();
      case 1:
        return Transaction();
      case 2:
      case 3:
        return Delete();
      case 4:
      case 5:
      case 6:
        return Update();
      case 7:
      case 8:
      case 9:
      case 10:
      case 11:
        return Insert();
      default:
        return Question();
    }
  }

  void Definition() {
    if (in_transaction_) return;
    const size_t n = dice_.Below(5);
    switch (dice_.Below(6)) {
      case 0:
        return Do(absl::StrCat("create ", dice_.OneIn(3) ? "unique " : "", "index i", n, " on ",
                               Table(), "(", Columns(), ")"));
      case 1:
        return Do(absl::StrCat("drop index i", n));
      case 2:
        return Do(absl::StrCat("create index p", n, " on ", Table(), "(b) where a > ", Int()));
      case 3:
        return Do(absl::StrCat("create table copy", n, " as select id, a, b from ", Table()));
      case 4:
        return Do(absl::StrCat("drop table copy", n));
      default:
        return Do(absl::StrCat("reindex i", n));
    }
  }

  void Transaction() {
    if (in_transaction_) return EndTransaction();
    Do("begin");
    in_transaction_ = true;
    if (dice_.OneIn(2)) {
      Do("savepoint s");
      Insert();
      Update();
      Do(dice_.OneIn(2) ? "rollback to s" : "release s");
    }
  }
  void EndTransaction() {
    if (!std::exchange(in_transaction_, false)) return;
    Do(dice_.OneIn(3) ? "rollback" : "commit");
  }

  // In a transaction only what cannot fail: CHECK makes OR REPLACE fail where OR IGNORE passes
  // over the row.
  std::string OrIgnore() {
    if (in_transaction_) return " or ignore";
    return dice_.Pick(std::array{"", " or ignore", " or replace"});
  }

  void Insert() {
    std::vector<std::string> rows;
    for (size_t count = 1 + dice_.Below(8); count > 0; --count) {
      rows.push_back(absl::StrCat("(", Int(), ", ", Text(), ", ", Real(), ", ", Mixed(), ")"));
    }
    if (dice_.OneIn(5)) {
      const std::string from = Table();
      return Do(absl::StrCat("insert or ignore into ", Table(),
                             "(a, b, c, m) select a + 1, b, c, m", " from ", from,
                             " where id % 7 = ", dice_.Below(7), " order by id"));
    }
    Do(absl::StrCat("insert", OrIgnore(), " into ", Table(), "(a, b, c, m) values ",
                    absl::StrJoin(rows, ", ")));
  }

  void Update() {
    const std::array<std::string, 4> sets = {absl::StrCat("a = a + ", Int()),
                                             absl::StrCat("b = ", Text(), ", m = ", Mixed()),
                                             absl::StrCat("c = c * 2, b = b || ", Text()),
                                             absl::StrCat("a = ", Int(), ", c = ", Real())};
    Do(absl::StrCat("update", OrIgnore(), " ", Table(), " set ", sets[dice_.Below(sets.size())],
                    " where ", Condition("")));
  }

  void Delete() {
    Do(absl::StrCat("delete from ", Table(), " where ",
                    dice_.OneIn(12) ? "1 = 1" : absl::StrCat("id % 11 = ", dice_.Below(11)),
                    " and ", Condition("")));
  }

  void Question();
  void Joined();

  std::string Table() { return absl::StrCat("t", dice_.Below(kTables)); }
  std::string Columns() {
    return dice_.Pick(std::array{"a", "b", "a, b", "c", "b desc, a", "m", "a, c, m"});
  }
  std::string Int() {
    if (dice_.OneIn(8)) return "null";
    if (dice_.OneIn(20)) return dice_.Pick(std::array{"9223372036854775", "-2147483649", "0"});
    return absl::StrCat(static_cast<int>(dice_.Below(1000)) - 50);
  }
  std::string Text() {
    if (dice_.OneIn(8)) return "null";
    if (dice_.OneIn(25)) return absl::StrCat("'", std::string(200 + dice_.Below(9000), 'x'), "'");
    return dice_.Pick(std::array{"''", "'a'", "'B'", "'it''s'", "'\xc3\xa9t\xc3\xa9'", "'10'",
                                 "' b '", "'A'", "'zz;--'", "'%_'"});
  }
  std::string Real() {
    if (dice_.OneIn(8)) return "null";
    return absl::StrCat(dice_.Below(400), dice_.OneIn(2) ? ".5" : ".25");
  }
  // For the column that takes what comes.
  std::string Mixed() {
    switch (dice_.Below(4)) {
      case 0:
        return Int();
      case 1:
        return Real();
      default:
        return Text();
    }
  }
  std::string Condition(const std::string& of) {
    switch (dice_.Below(9)) {
      case 0:
        return absl::StrCat(of, "a between ", Int(), " and ", Int());
      case 1:
        return absl::StrCat(of, "b = ", Text());
      case 2:
        return absl::StrCat(of, "c > ", Real(), " or ", of, "a is null");
      case 3:
        return absl::StrCat("not (", of, "b like '%", dice_.Pick(std::array{"a", "t", "_", ""}),
                            "%')");
      case 4:
        return absl::StrCat(of, "id in (select id from ", Table(), " where a < ", Int(), ")");
      case 5:
        return absl::StrCat(of, "m = ", Mixed());
      case 6:
        return absl::StrCat("exists (select 1 from ", Table(), " as e where e.a = ", of, "a)");
      case 7:
        return absl::StrCat("typeof(", of, "m) = 'text' and length(", of, "b) > 1");
      default:
        return absl::StrCat("coalesce(", of, "a, ", of, "c, 0) >= ", Int());
    }
  }

  Dice dice_;
  Script script_;
  bool in_transaction_ = false;
};

void Maker::Question() {
  const std::string t = Table();
  switch (dice_.Below(10)) {
    case 0:
      return Query("ITR", Record::Order::kRows,
                   absl::StrCat("select a, b, c from ", t, " where ", Condition("")));
    case 1:
      return Query("ITTI", Record::Order::kAsItIs,
                   absl::StrCat("select id, b, m, a from ", t, " where ", Condition(""),
                                " order by b ", dice_.OneIn(2) ? "desc" : "asc", ", a, id limit ",
                                dice_.Below(30), " offset ", dice_.Below(4)));
    case 2:
      return Query("IIIR", Record::Order::kAsItIs,
                   absl::StrCat("select count(*), count(a), sum(id), max(c) from ", t, " where ",
                                Condition("")));
    case 3:
      return Query("TIIR", Record::Order::kRows,
                   absl::StrCat("select b, count(*), min(a), avg(id) from ", t,
                                " group by b having count(*) >= ", dice_.Below(4)));
    case 4:
      return Query("T", Record::Order::kValues,
                   absl::StrCat("select distinct m from ", t, " where ", Condition("")));
    case 5:
      return Query("IT", Record::Order::kRows,
                   absl::StrCat("select a, b from ", t, " where ", Condition(""), " ",
                                dice_.Pick(std::array{"union", "union all", "except", "intersect"}),
                                " select a, b from ", Table(), " where ", Condition("")));
    case 6:
      return Query("III", Record::Order::kRows,
                   absl::StrCat("select id, (select count(*) from ", Table(), " as s where s.a = ",
                                "o.a), case when b is null then 1 else 2 end from ", t, " as o"));
    case 7:
      return Query("II", Record::Order::kAsItIs,
                   absl::StrCat("select id, row_number() over (partition by b order by id) from ",
                                t, " order by id"));
    case 8:
      return Query("II", Record::Order::kAsItIs, "select count(*), sum(a) from v");
    default:
      return Joined();
  }
}

void Maker::Joined() {
  const char* kind = dice_.Pick(std::array{"join", "left join", "cross join", "inner join"});
  Query("ITIT", Record::Order::kRows,
        absl::StrCat("select x.id, x.b, y.id, y.b from ", Table(), " as x ", kind, " ", Table(),
                     " as y ", kind == std::string("cross join") ? "where" : "on",
                     " x.a = y.a and (", Condition("x."), ")"));
}

}  // namespace

Script MakeScript(uint64_t seed, size_t steps) { return Maker(seed).Make(steps); }

}  // namespace hexad::compat
