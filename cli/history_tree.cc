#include "cli/history_tree.h"

#include <algorithm>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "cli/format.h"

namespace hexad::cli {
namespace {

EpochNode& ChildOf(EpochNode& parent, uint32_t epoch) {
  const auto child = std::find_if(parent.children.begin(), parent.children.end(),
                                  [&](const EpochNode& node) { return node.epoch == epoch; });
  if (child != parent.children.end()) return *child;
  parent.children.push_back(EpochNode{epoch, 0, 0, 0, {}, 0, {}});
  return parent.children.back();
}

// Walks one history down the tree, adding what is not there yet. Returns its newest epoch.
template <class Steps>
EpochNode* AddHistory(EpochNode& root, const Steps& steps, uint64_t end, bool visible) {
  EpochNode* at = &root;
  uint64_t reached = 0;
  for (int i = 0; i < steps.size(); ++i) {
    const v1::HistoryStep& step = steps[i];
    if (i > 0) at = &ChildOf(*at, step.epoch_number());
    const uint64_t last = i + 1 == steps.size() ? end : step.last_lsn();
    at->epoch = step.epoch_number();
    at->first_lsn = step.first_lsn();
    at->forked_at = reached;
    if (last >= step.first_lsn()) {
      at->last_lsn = std::max(at->last_lsn, last);
      reached = last;
    }
    if (visible) at->visible_to = reached;
  }
  return at;
}

void ForEach(const EpochNode& node, int depth,
             const std::function<void(const EpochNode&, int)>& visit) {
  visit(node, depth);
  for (const EpochNode& child : node.children) ForEach(child, depth + 1, visit);
}

std::string Extent(const EpochNode& node) {
  if (node.last_lsn < node.first_lsn)
    return absl::StrCat("nothing from ", Thousands(node.first_lsn));
  return absl::StrCat(Thousands(node.first_lsn), " to ", Thousands(node.last_lsn));
}

std::string Remark(const EpochNode& node) {
  std::string text;
  if (node.forked_at > 0) absl::StrAppend(&text, ", forks at ", Thousands(node.forked_at));
  const bool cut = node.visible_to.has_value() && *node.visible_to < node.last_lsn;
  if (cut) absl::StrAppend(&text, ", visible to ", Thousands(*node.visible_to));
  if (!node.visible_to.has_value()) text += ", not visible";
  if (node.left_by > 0) {
    absl::StrAppend(&text, ", left by epoch ", node.left_by, ": --to ",
                    Thousands(std::max(node.last_lsn, node.forked_at)), " returns to it");
  }
  return text;
}

void DrawInto(const EpochNode& node, const std::string& indent, bool last, bool root,
              std::vector<std::string>& lines) {
  const char* mark = node.visible_to.has_value() ? "* " : "  ";
  const std::string branch = root ? "" : last ? "└─ " : "├─ ";
  lines.push_back(
      absl::StrCat(mark, indent, branch, "epoch ", node.epoch, "   ", Extent(node), Remark(node)));
  const std::string below = absl::StrCat(indent, root ? "" : last ? "   " : "│  ");
  for (size_t i = 0; i < node.children.size(); ++i) {
    DrawInto(node.children[i], below, i + 1 == node.children.size(), false, lines);
  }
}

}  // namespace

EpochNode TreeOf(const v1::History& history, uint64_t vdl) {
  EpochNode root;
  for (const v1::HistoryBranch& branch : history.branches()) {
    AddHistory(root, branch.steps(), branch.end(), false)->left_by = branch.left_by();
  }
  AddHistory(root, history.steps(), vdl, true);
  return root;
}

std::vector<std::string> DrawText(const EpochNode& root) {
  std::vector<std::string> lines;
  DrawInto(root, "", true, true, lines);
  return lines;
}

std::string DrawSvg(const EpochNode& root, const std::string& title) {
  constexpr int kWidth = 960;
  constexpr int kLane = 34;
  constexpr int kLeft = 120;
  constexpr int kTop = 56;
  uint64_t newest = 1;
  int lanes = 0;
  ForEach(root, 0, [&](const EpochNode& node, int) {
    newest = std::max(newest, node.last_lsn);
    ++lanes;
  });
  const auto x = [&](uint64_t lsn) {
    return kLeft + static_cast<int>(static_cast<double>(lsn) / static_cast<double>(newest) *
                                    (kWidth - kLeft - 40));
  };
  std::string svg = absl::Substitute(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"$0\" height=\"$1\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
      "<text x=\"16\" y=\"28\" font-size=\"16\">$2</text>\n",
      kWidth, kTop + lanes * kLane + 20, title);
  int lane = 0;
  const auto line = [&](uint64_t from, uint64_t to, int y, const char* colour, int width) {
    absl::StrAppend(&svg,
                    absl::Substitute("<line x1=\"$0\" y1=\"$1\" x2=\"$2\" y2=\"$1\" "
                                     "stroke=\"$3\" stroke-width=\"$4\"/>\n",
                                     x(from), y, std::max(x(to), x(from) + 2), colour, width));
  };
  std::function<void(const EpochNode&, int)> draw = [&](const EpochNode& node, int parent_y) {
    const int y = kTop + lane++ * kLane;
    if (node.forked_at > 0) {
      absl::StrAppend(&svg, absl::Substitute("<path d=\"M $0 $1 L $0 $2 L $3 $2\" fill=\"none\" "
                                             "stroke=\"#888\" stroke-dasharray=\"3 3\"/>\n",
                                             x(node.forked_at), parent_y, y, x(node.first_lsn)));
    }
    if (node.last_lsn >= node.first_lsn) line(node.first_lsn, node.last_lsn, y, "#c4c4c4", 6);
    if (node.visible_to.has_value() && *node.visible_to >= node.first_lsn) {
      line(node.first_lsn, *node.visible_to, y, "#1668a8", 6);
    }
    absl::StrAppend(&svg,
                    absl::Substitute("<text x=\"16\" y=\"$0\">epoch $1</text>\n"
                                     "<text x=\"$2\" y=\"$3\" fill=\"#555\">$4</text>\n",
                                     y + 4, node.epoch, x(node.first_lsn), y - 6, Extent(node)));
    for (const EpochNode& child : node.children) draw(child, y);
  };
  draw(root, kTop);
  return svg + "</svg>\n";
}

}  // namespace hexad::cli
