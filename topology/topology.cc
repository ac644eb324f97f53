#include "topology/topology.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "quorum/membership.h"
#include "toml++/toml.h"

namespace hexad::topology {
namespace {

constexpr size_t kMaxNameBytes = 32;
constexpr size_t kMaxAddressBytes = 256;

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

// "dev.toml:7: what"
absl::Status At(std::string_view source, const toml::source_region& where, std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(source), ":", where.begin.line, ": ", std::string(what)));
}

absl::Status CheckKeys(const toml::table& table, const std::set<std::string>& known,
                       std::string_view source) {
  for (const auto& [key, value] : table) {
    if (known.contains(std::string(key.str()))) continue;
    std::string list;
    for (const std::string& name : known) absl::StrAppend(&list, list.empty() ? "" : ", ", name);
    return At(source, key.source(),
              absl::StrCat("unknown key '", std::string(key.str()), "'; known here: ", list));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> String(const toml::table& table, std::string_view key,
                                   std::string_view source) {
  const toml::node* node = table.get(key);
  if (node == nullptr) {
    return At(source, table.source(), absl::StrCat("a node without '", std::string(key), "'"));
  }
  const auto text = node->value_exact<std::string>();
  if (!text) return At(source, node->source(), absl::StrCat(std::string(key), " is not a string"));
  return *text;
}

absl::StatusOr<TopologyNode> ParseNode(const toml::table& table, std::string_view source) {
  if (auto status = CheckKeys(table, {"id", "az", "address"}, source); !status.ok()) return status;
  const auto id = String(table, "id", source);
  if (!id.ok()) return id.status();
  const auto az = String(table, "az", source);
  if (!az.ok()) return az.status();
  auto address = String(table, "address", source);
  if (!address.ok()) return address.status();
  for (const auto& [key, name] : {std::pair("id", *id), std::pair("az", *az)}) {
    if (IsName(name)) continue;
    return At(source, table.source(),
              absl::StrCat(key, " '", name, "' is not a name: 1 to 32 bytes of a-z, 0-9 and -"));
  }
  if (auto status = CheckAddress(absl::StrCat("node ", *id, "'s address"), *address);
      !status.ok()) {
    return At(source, table.source(), std::string(status.message()));
  }
  return TopologyNode{NodeId(*id), AzId(*az), *std::move(address)};
}

absl::StatusOr<std::vector<TopologyNode>> ParseNodes(const toml::array& array,
                                                     std::string_view source) {
  if (array.size() > kMaxTopologyNodes) {
    return At(source, array.source(), absl::StrCat("more than ", kMaxTopologyNodes, " nodes"));
  }
  std::vector<TopologyNode> nodes;
  std::set<std::string> ids, addresses;
  for (const toml::node& element : array) {
    const toml::table* table = element.as_table();
    if (table == nullptr) return At(source, element.source(), "node is not a [[node]] table");
    auto node = ParseNode(*table, source);
    if (!node.ok()) return node.status();
    if (!ids.insert(node->id.value()).second) {
      return At(source, table->source(), absl::StrCat("node id ", node->id.value(), " twice"));
    }
    if (!addresses.insert(node->address).second) {
      return At(source, table->source(), absl::StrCat("address ", node->address, " twice"));
    }
    nodes.push_back(*std::move(node));
  }
  return nodes;
}

}  // namespace

const TopologyNode* Topology::Find(const NodeId& id) const {
  const auto found =
      std::find_if(nodes.begin(), nodes.end(), [&](const auto& node) { return node.id == id; });
  return found == nodes.end() ? nullptr : &*found;
}

absl::StatusOr<Topology> ParseTopology(std::string_view text, std::string_view source) {
  toml::table root;
  try {
    root = toml::parse(text, source);
  } catch (const toml::parse_error& error) {
    return At(source, error.source(), error.description());
  }
  if (auto status = CheckKeys(root, {"name", "node"}, source); !status.ok()) return status;
  Topology topology;
  if (const toml::node* name = root.get("name")) {
    const auto value = name->value_exact<std::string>();
    if (!value || !IsName(*value)) {
      return At(source, name->source(), "name is not 1 to 32 bytes of a-z, 0-9 and -");
    }
    topology.name = *value;
  }
  const toml::array* nodes = root.get_as<toml::array>("node");
  if (nodes == nullptr || nodes->empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        std::string(source), ": no [[node]]; each storage node needs one with id, az and address"));
  }
  auto parsed = ParseNodes(*nodes, source);
  if (!parsed.ok()) return parsed.status();
  topology.nodes = *std::move(parsed);
  return topology;
}

absl::StatusOr<Topology> LoadTopology(const std::string& file) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  if (error) {
    return absl::NotFoundError(
        absl::StrCat("cannot read the cluster file ", file, ": ", error.message()));
  }
  if (size > kMaxTopologyBytes) {
    return absl::InvalidArgumentError(absl::StrCat(file, ": ", size, " bytes is no cluster file"));
  }
  std::ifstream in(file, std::ios::binary);
  std::string text(size, '\0');
  in.read(text.data(), static_cast<std::streamsize>(size));
  if (!in) return absl::NotFoundError(absl::StrCat("cannot read the cluster file ", file));
  return ParseTopology(text, file);
}

std::string FormatTopology(const Topology& topology) {
  std::ostringstream out;
  if (!topology.name.empty()) out << "name = \"" << topology.name << "\"\n\n";
  for (const TopologyNode& node : topology.nodes) {
    out << "[[node]]\nid = \"" << node.id << "\"\naz = \"" << node.az << "\"\naddress = \""
        << node.address << "\"\n\n";
  }
  return out.str();
}

absl::Status CheckPlacement(const Topology& topology, int copies) {
  std::vector<quorum::RosterNode> roster;
  for (const TopologyNode& node : topology.nodes) {
    roster.push_back(quorum::RosterNode{node.id, node.az, Incarnation(1)});
  }
  return quorum::PlaceSegments(/*key=*/0, roster, copies).status();
}

absl::Status CheckAddress(std::string_view what, std::string_view address) {
  const size_t colon = address.rfind(':');
  const std::string_view host = address.substr(0, colon == address.npos ? 0 : colon);
  const std::string_view port = colon == address.npos ? "" : address.substr(colon + 1);
  uint32_t number = 0;
  const bool digits = !port.empty() && std::all_of(port.begin(), port.end(),
                                                   [](char c) { return c >= '0' && c <= '9'; });
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  const bool legal_host = !host.empty() && (bracketed || host.find(':') == host.npos) &&
                          std::none_of(host.begin(), host.end(),
                                       [](char c) { return c <= ' ' || c > '~' || c == '/'; });
  if (!legal_host || !digits || address.size() > kMaxAddressBytes ||
      !absl::SimpleAtoi(std::string(port), &number) || number < 1 || number > UINT16_MAX) {
    return absl::InvalidArgumentError(absl::StrCat(std::string(what), " '", std::string(address),
                                                   "' is not host:port, as in 127.0.0.1:7001"));
  }
  return absl::OkStatus();
}

}  // namespace hexad::topology
