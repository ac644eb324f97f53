#include "storage-node/io/store_format.h"

#include "quorum/base/check.h"
#include "quorum/base/checksum.h"

namespace hexad::storage_node {
namespace {

constexpr size_t kChecksumBytes = 8;

template <class T>
void AppendBe(std::string& out, T value) {
  for (int shift = 8 * (sizeof(T) - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> shift));
  }
}

uint64_t LoadBe64(std::string_view bytes) {
  INVARIANT(bytes.size() == 8);
  return __builtin_bswap64(LoadLe<uint64_t>(bytes.data()));
}

std::optional<std::string_view> Unseal(std::string_view key, std::string_view value) {
  if (value.size() < kChecksumBytes) return std::nullopt;
  const std::string_view body = value.substr(kChecksumBytes);
  if (LoadLe<uint64_t>(value.data()) != ChecksumAt(key, body)) return std::nullopt;
  return body;
}

}  // namespace

std::string PgPrefix(PgId pg) {
  std::string key;
  key.reserve(kVersionKeyBytes);
  AppendBe(key, pg.value());
  return key;
}

std::string TimelinePrefix(PgId pg, TimelineId timeline) {
  std::string key = PgPrefix(pg);
  AppendBe(key, timeline.value());
  return key;
}

std::string LogKey(PgId pg, TimelineId timeline, Lsn first_lsn) {
  std::string key = TimelinePrefix(pg, timeline);
  AppendBe(key, first_lsn.value());
  INVARIANT(key.size() == kLogKeyBytes);
  return key;
}

Lsn LsnOfLogKey(std::string_view key) {
  INVARIANT(key.size() == kLogKeyBytes);
  return Lsn(LoadBe64(key.substr(kLogPrefixBytes)));
}

std::string VersionKey(PgId pg, PageNo page, TimelineId timeline, Lsn lsn) {
  std::string key = TimelinePrefix(pg, timeline);
  AppendBe(key, page.value());
  AppendBe(key, ~lsn.value());
  INVARIANT(key.size() == kVersionKeyBytes);
  return key;
}

Lsn LsnOfVersionKey(std::string_view key) {
  INVARIANT(key.size() == kVersionKeyBytes);
  return Lsn(~LoadBe64(key.substr(kVersionPrefixBytes)));
}

std::string PrefixEnd(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && end.back() == '\xff') end.pop_back();
  if (!end.empty()) ++end.back();
  return end;
}

std::string VersionHead(std::string_view key, VersionKind kind, std::string_view bytes) {
  const char named = static_cast<char>(kind);
  std::string head;
  AppendLe(head, ChecksumAt(key, {&named, 1}, bytes));
  head.push_back(named);
  return head;
}

std::string SealVersion(std::string_view key, VersionKind kind, std::string_view bytes) {
  return VersionHead(key, kind, bytes).append(bytes);
}

std::string SealMeta(std::string_view key, std::string_view bytes) {
  std::string value;
  AppendLe(value, ChecksumAt(key, bytes));
  return value.append(bytes);
}

std::optional<OpenedVersion> OpenVersion(std::string_view key, std::string_view value) {
  const auto body = Unseal(key, value);
  if (!body || body->empty()) return std::nullopt;
  const auto kind = static_cast<VersionKind>(body->front());
  if (kind != VersionKind::kImage && kind != VersionKind::kRun) return std::nullopt;
  return OpenedVersion{kind, body->substr(1)};
}

std::optional<std::string_view> OpenMeta(std::string_view key, std::string_view value) {
  return Unseal(key, value);
}

}  // namespace hexad::storage_node
