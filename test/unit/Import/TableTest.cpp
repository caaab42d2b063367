// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The capability table against itself and against ONNX's registry: sorted, no row twice, every row a
// version that ONNX has, every version between the first and the last row of an operator present.
#include "../../../lib/Import/Onnx/Table.h"
#include "cameo/Import/Onnx.h"

#include "llvm/ADT/StringSet.h"
#include "gtest/gtest.h"

#include <map>
#include <set>

using namespace cameo;
using namespace cameo::importer;

TEST(ImportTable, FamiliesAreSorted) {
  for (llvm::ArrayRef<OpRow> rows : allRows()) {
    ASSERT_FALSE(rows.empty());
    for (size_t i = 1; i < rows.size(); ++i)
      EXPECT_LT(std::pair(rows[i - 1].op.str(), rows[i - 1].since),
                std::pair(rows[i].op.str(), rows[i].since))
          << "after row " << rows[i - 1].op.str();
  }
}

TEST(ImportTable, NoRowTwice) {
  std::set<std::pair<std::string, int>> seen;
  for (llvm::ArrayRef<OpRow> rows : allRows())
    for (const OpRow &row : rows)
      EXPECT_TRUE(seen.insert({row.op.str(), row.since}).second)
          << row.op.str() << "-" << row.since << " is in two families";
}

TEST(ImportTable, EveryRowIsInTheRegistry) {
  for (llvm::ArrayRef<OpRow> rows : allRows())
    for (const OpRow &row : rows) {
      const SchemaInfo *schema = lookupSchema("", row.op, row.since);
      ASSERT_TRUE(schema) << row.op.str();
      EXPECT_EQ(schema->since, row.since) << row.op.str();
      EXPECT_FALSE(schema->deprecated) << row.op.str() << "-" << row.since;
      EXPECT_TRUE(row.handler) << row.op.str();
      if (!schema->inputs.empty())
        EXPECT_TRUE(row.types & schema->inputs.front().tensors)
            << row.op.str() << "-" << row.since << " supports none of the types";
      if (row.handler == &importByBody)
        EXPECT_TRUE(schema->hasBody) << row.op.str() << " has no function body";
    }
}

TEST(ImportTable, LimitsNameWhatTheSchemaHas) {
  for (llvm::ArrayRef<OpRow> rows : allRows())
    for (const OpRow &row : rows) {
      const SchemaInfo *schema = lookupSchema("", row.op, row.since);
      ASSERT_TRUE(schema);
      for (const Limit &limit : row.limits) {
        std::string what = row.op.str() + "-" + std::to_string(row.since) + ": " +
                           limitText(limit, schema);
        if (limit.kind == Limit::AttrIn || limit.kind == Limit::AttrIs)
          EXPECT_TRUE(schema->attribute(limit.name)) << what;
        EXPECT_FALSE(limitText(limit, schema).empty());
      }
    }
}

/// Versions that are in effect at opset 7 or later.
TEST(ImportTable, NoGapsSinceOpset7) {
  llvm::StringSet<> ops;
  for (llvm::ArrayRef<OpRow> rows : allRows())
    for (const OpRow &row : rows)
      ops.insert(row.op);
  EXPECT_GE(ops.size(), 85u);
  for (const auto &entry : ops) {
    std::vector<const SchemaInfo *> versions = allVersions("", entry.getKey());
    for (size_t i = 0; i < versions.size(); ++i) {
      bool superseded = i + 1 < versions.size() && versions[i + 1]->since <= 7;
      if (superseded || versions[i]->deprecated)
        continue;
      EXPECT_TRUE(lookupRow(entry.getKey(), versions[i]->since))
          << entry.getKey().str() << "-" << versions[i]->since << " has no row";
    }
  }
}

TEST(ImportTable, ListsEveryRow) {
  size_t rows = 0;
  for (llvm::ArrayRef<OpRow> family : allRows())
    rows += family.size();
  EXPECT_EQ(listSupportedOps().size(), rows);
}

TEST(ImportProblems, CodesAreAscendingAndDocumented) {
  std::string last;
  for (const ProblemKind &row : problemTable()) {
    EXPECT_LT(last, row.code.str());
    last = row.code.str();
    EXPECT_FALSE(row.title.empty());
    EXPECT_EQ(lookupProblem(row.code), &row);
  }
  EXPECT_EQ(lookupProblem("E9999"), nullptr);
}

TEST(ImportProblems, ExitCodeIsThatOfTheWorstClass) {
  ProblemList list;
  EXPECT_EQ(list.exitCode(), 0);
  list.add("W0001", "a");
  EXPECT_EQ(list.exitCode(), 0);
  EXPECT_FALSE(list.hasErrors());
  list.add("E0801", "a");
  EXPECT_EQ(list.exitCode(), 2);
  list.add("E0301", "a");
  EXPECT_EQ(list.exitCode(), 3);
  list.add("E0001", "a");
  EXPECT_EQ(list.exitCode(), 9);
  EXPECT_EQ(list.numErrors(), 3u);
}

TEST(ImportProblems, NamesCannotWriteToTheTerminal) {
  ProblemList list;
  Problem problem;
  problem.code = "E0301";
  problem.op = "Re\x1b[2Jlu\xff";
  problem.message = "twice";
  list.add(problem);
  std::string text;
  llvm::raw_string_ostream os(text);
  list.print(os);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("\\x1b[2J"), std::string::npos);
  os << list.toJson(); // asserts valid UTF-8
}
