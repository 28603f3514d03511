#include "cli/change_printer.h"

#include <nlohmann/json.hpp>

#include "base/paths.h"
#include "base/text.h"
#include "cli/output.h"

namespace unionroot::cli {

namespace {

constexpr std::size_t piece = 65536;

std::int64_t number(const std::string& text) {
  const bool negative = text.starts_with('-');
  const auto found = static_cast<std::int64_t>(base::parse_unsigned(text.substr(negative ? 1 : 0)).value_or(0));
  return negative ? -found : found;
}

// "file 420 0 0 12 1 1764500000.000000012 0"
nlohmann::json facts_of(const std::string& text) {
  const auto parts = base::split(text, ' ');
  if (parts.size() < 8) return nullptr;
  nlohmann::json facts;
  facts["type"] = parts[0];
  const char* const names[] = {"mode", "uid", "gid", "size", "links"};
  for (std::size_t i = 0; i < 5; ++i) facts[names[i]] = number(parts[i + 1]);
  facts["time"] = parts[6];
  if (parts[0].ends_with("-device")) facts["device"] = number(parts[7]);
  return facts;
}

std::uint64_t size_of(const ListedChange& change) {
  const bool is_content = change.kind == 'A' || change.kind == 'T' || change.kind == 'M';
  const auto parts = base::split(change.now, ' ');
  if (!is_content || parts.size() < 8 || parts[0] != "file") return 0;
  return base::parse_unsigned(parts[4]).value_or(0);
}

}  // namespace

void ChangePrinter::put(std::string_view text) {
  waiting_ += text;
  if (waiting_.size() < piece) return;
  write_(waiting_);
  waiting_.clear();
}

void ChangePrinter::add(const ListedChange& change) {
  const std::string kind(1, change.kind);
  switch (format_) {
    case ChangeFormat::lines:
      put(base::concat(kind, " ", change.kind == 'R' ? safe(change.former) + " -> " : "", safe(change.path), "\n"));
      break;
    case ChangeFormat::nul:
      put(kind + " ");
      if (change.kind == 'R') put(change.former + '\0');
      put(change.path + '\0');
      break;
    case ChangeFormat::names:
    case ChangeFormat::names_nul:
      if (!first_ && last_ == change.path) break;
      put(format_ == ChangeFormat::names ? safe(change.path) + "\n" : change.path + '\0');
      last_ = change.path;
      break;
    case ChangeFormat::stat: count(change); break;
    case ChangeFormat::json: put_json(change); break;
  }
  first_ = false;
}

void ChangePrinter::put_json(const ListedChange& change) {
  nlohmann::json object;
  object["kind"] = std::string(1, change.kind);
  object["path"] = base::name_as_utf8(change.path);
  if (change.kind == 'R') object["former"] = base::name_as_utf8(change.former);
  if (!change.what.empty()) object["what"] = base::split(change.what, ',');
  if (change.group != "0") object["group"] = number(change.group);
  if (auto facts = facts_of(change.before); !facts.is_null()) object["before"] = std::move(facts);
  if (auto facts = facts_of(change.now); !facts.is_null()) object["now"] = std::move(facts);
  put(base::concat(first_ ? "[\n" : ",\n", "  ", json_text(object, -1)));
}

void ChangePrinter::count(const ListedChange& change) {
  const std::string folder(base::parent_path(change.path));
  auto& sum = folders_[folder.empty() ? "/" : folder];
  ++(change.kind == 'A' ? sum.added : change.kind == 'D' ? sum.deleted : sum.changed);
  sum.bytes += size_of(change);
}

void ChangePrinter::finish() {
  if (format_ == ChangeFormat::json) put(first_ ? "[]\n" : "\n]\n");
  if (format_ == ChangeFormat::stat && !folders_.empty()) {
    std::vector<std::vector<std::string>> rows{{"FOLDER", "ADDED", "CHANGED", "DELETED", "BYTES"}};
    Sum all;
    const auto row = [&](const std::string& name, const Sum& sum) {
      rows.push_back({name, std::to_string(sum.added), std::to_string(sum.changed), std::to_string(sum.deleted),
                      std::to_string(sum.bytes)});
    };
    for (const auto& [folder, sum] : folders_) {
      row(folder, sum);
      all.added += sum.added;
      all.changed += sum.changed;
      all.deleted += sum.deleted;
      all.bytes += sum.bytes;
    }
    row("all", all);
    put(table(rows));
  }
  if (!waiting_.empty()) write_(waiting_);
  waiting_.clear();
}

}  // namespace unionroot::cli
