// The format of sqllogictest: what is read, what is refused, and that a wrong answer is seen.
#include "tests/compat/test_script.h"

#include <gtest/gtest.h>

#include "tests/compat/made_script.h"

namespace hexad::compat {
namespace {

// Says the same to everything.
class Parrot : public Answerer {
 public:
  explicit Parrot(Answer answer) : answer_(std::move(answer)) {}
  std::string_view dialect() const override { return "parrot"; }
  absl::StatusOr<Answer> Ask(const std::string& sql) override {
    asked.push_back(sql);
    if (sql.find("wrong") != std::string::npos) return absl::UnknownError("wrong");
    return answer_;
  }
  std::vector<std::string> asked;

 private:
  const Answer answer_;
};

Checked RunText(const std::string& text, Parrot& parrot) {
  const auto script = Parse(text);
  EXPECT_TRUE(script.ok()) << script.status();
  return Check(*script, parrot);
}

const Answer kTwoRows = {{"10", "b"}, {"9", std::nullopt}};

TEST(TestScript, AnswersAreReadAsTheirTypesSay) {
  Parrot parrot({{"1.5", "2", "", std::nullopt, "a\nb"}});
  EXPECT_EQ(
      RunText("query IRTTT\nx\n----\n1\n2.000\n(empty)\nNULL\na@b\n", parrot).first_difference, "");
}

TEST(TestScript, RowsAndValuesAreSortedAsText) {
  Parrot parrot(kTwoRows);
  EXPECT_EQ(RunText("query IT nosort\nx\n----\n10\nb\n9\nNULL\n", parrot).first_difference, "");
  EXPECT_EQ(RunText("query IT rowsort\nx\n----\n10\nb\n9\nNULL\n", parrot).first_difference, "");
  EXPECT_EQ(RunText("query IT valuesort\nx\n----\n10\n9\nNULL\nb\n", parrot).first_difference, "");
}

TEST(TestScript, ADifferenceEndsIt) {
  Parrot parrot(kTwoRows);
  const Checked checked = RunText("query IT\nx\n----\n10\nb\n9\nc\n\nstatement ok\ny\n", parrot);
  EXPECT_EQ(checked.first_difference, "line 1: x\nexpected 10|b|9|c\n   found 10|b|9|NULL");
  EXPECT_EQ(checked.records, 0u);
  EXPECT_EQ(parrot.asked.size(), 1u);
}

TEST(TestScript, TheNumberOfColumnsIsCompared) {
  Parrot parrot(kTwoRows);
  EXPECT_EQ(RunText("query I\nx\n----\n10\n", parrot).first_difference, "line 1: x\n2 columns");
}

TEST(TestScript, StatementsFailWhenTheyShould) {
  Parrot parrot(kTwoRows);
  EXPECT_EQ(RunText("statement error\nwrong\n\nstatement ok\nx\n", parrot).records, 2u);
  EXPECT_NE(RunText("statement ok\nwrong\n", parrot).first_difference, "");
  EXPECT_NE(RunText("statement error\nx\n", parrot).first_difference, "");
}

// The sum is that of printf '10\nb\n9\nNULL\n' | md5sum.
TEST(TestScript, LongAnswersAreHashed) {
  Parrot parrot(kTwoRows);
  const std::string hashed =
      "hash-threshold 3\n\nquery IT\nx\n----\n4 values hashing to "
      "cad235ca80c1d56356b3e5f9d34efa00\n";
  EXPECT_EQ(RunText(hashed, parrot).first_difference, "");
}

TEST(TestScript, ConditionsNameDatabases) {
  Parrot parrot(kTwoRows);
  RunText(
      "skipif parrot\nstatement ok\none\n\nonlyif parrot\nstatement ok\ntwo\n\n"
      "onlyif mysql\nstatement ok\nthree\n\nskipif mysql\nstatement ok\nfour\n\n"
      "halt\n\nstatement ok\nfive\n",
      parrot);
  EXPECT_EQ(parrot.asked, (std::vector<std::string>{"two", "four"}));
}

TEST(TestScript, EqualLabelsMeanEqualAnswers) {
  Parrot parrot(kTwoRows);
  const std::string differs =
      "query IT nosort one\nx\n----\n10\nb\n9\nNULL\n\n"
      "query IT valuesort one\nx\n----\n10\n9\nNULL\nb\n";
  EXPECT_NE(RunText(differs, parrot).first_difference, "");
}

TEST(TestScript, WhatIsNoScriptIsRefusedWithItsLine) {
  EXPECT_EQ(Parse("\nstatement perhaps\nx\n").status().message(),
            "line 2: a statement is ok or error");
  for (const char* text : {"query IX\nx\n", "query I anysort\nx\n", "question\n",
                           "statement ok\n\n", "hash-threshold\n", "skipif\n"}) {
    EXPECT_FALSE(Parse(text).ok()) << text;
  }
}

TEST(TestScript, MadeScriptsAreReadAsTheyArePrinted) {
  const std::string text = Print(MakeScript(7, 200));
  const auto script = Parse(text);
  ASSERT_TRUE(script.ok()) << script.status();
  EXPECT_EQ(Print(*script), text);
  EXPECT_NE(Print(MakeScript(8, 200)), text);
}

}  // namespace
}  // namespace hexad::compat
