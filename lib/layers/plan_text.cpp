#include "layers/plan_text.h"

#include "base/error.h"

namespace unionroot::layers {

void PlanWriter::put_facts(const Facts& facts) {
  put(facts.mode);
  put(facts.uid);
  put(facts.gid);
  put(facts.seconds);
  put(facts.nanoseconds);
}

void PlanWriter::put_attributes(const std::map<std::string, std::string>& attributes) {
  put(attributes.size());
  for (const auto& [name, value] : attributes) {
    put(name);
    put(base::to_hex(std::string_view(value)));
  }
}

void PlanReader::throw_malformed() const {
  throw base::Error(base::ErrorCode::failed, base::concat(what_, " is damaged"));
}

std::string PlanReader::next() {
  const auto end = text_.find('\0');
  if (end == std::string_view::npos) throw_malformed();
  std::string part(text_.substr(0, end));
  text_.remove_prefix(end + 1);
  return part;
}

std::string PlanReader::bytes() {
  const auto hex = next();
  std::string bytes;
  if (hex.size() % 2 != 0) throw_malformed();
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const auto byte = base::byte_of_hex(std::string_view(hex).substr(i, 2));
    if (!byte) throw_malformed();
    bytes.push_back(static_cast<char>(*byte));
  }
  return bytes;
}

Facts PlanReader::facts() {
  Facts facts;
  facts.mode = number<std::uint32_t>();
  facts.uid = number<std::uint32_t>();
  facts.gid = number<std::uint32_t>();
  facts.seconds = number<std::int64_t>();
  facts.nanoseconds = number<std::int64_t>();
  return facts;
}

std::map<std::string, std::string> PlanReader::attributes() {
  std::map<std::string, std::string> attributes;
  for (auto left = number<std::size_t>(); left > 0; --left) {
    auto name = next();
    attributes.emplace(std::move(name), bytes());
  }
  return attributes;
}

}  // namespace unionroot::layers
