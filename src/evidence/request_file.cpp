#include "evidence/request_file.hpp"

#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/wire/json.hpp"
#include "countersign/wire/request.hpp"
#include "evidence/files.hpp"

namespace countersign::evidence {
namespace {

using core::Value;

constexpr std::string_view request_format = "countersign-request/v1";

Value or_nothing(const std::optional<std::string>& text) {
    return text ? Value(*text) : Value();
}
std::optional<std::string> if_there(const Value& value) {
    return value.string() ? std::optional(*value.string()) : std::nullopt;
}

std::unexpected<Failure> no_request_file() {
    return fail(Trouble::invalid_input, "is no request of an export");
}

Result<Done> read_entries(const Value& document, RequestFile& file) {
    const auto* entries = document["entries"].items();
    const auto* leaves = document["leaves"].items();
    if (!entries || !leaves || entries->size() > core::case_entries_max) return no_request_file();
    for (const auto& one : *entries) {
        auto state = core::parse_state(one["state"].text());
        if (!state || !one["record"].string()) return no_request_file();
        file.recorded.entries.push_back({.version = static_cast<std::int32_t>(one["version"].whole()),
                                         .state = *state,
                                         .record = std::string(one["record"].text()),
                                         .words = if_there(one["words"])});
    }
    for (const auto& one : *leaves)
        file.logged.push_back({.index = one["index"].whole(-1),
                               .version = static_cast<std::int32_t>(one["version"].whole()),
                               .type = std::string(one["type"].text()),
                               .hash = {}});
    return Done{};
}

}  // namespace

std::string text_of(const RequestFile& file) {
    const auto& recorded = file.recorded;
    auto entries = Value::array();
    for (const auto& one : recorded.entries)
        entries.push(Value::object({{"version", std::int64_t{one.version}},
                                    {"state", core::name_of(one.state)},
                                    {"record", one.record},
                                    {"words", or_nothing(one.words)}}));
    auto leaves = Value::array();
    for (const auto& one : file.logged)
        leaves.push(Value::object(
            {{"index", one.index}, {"version", std::int64_t{one.version}}, {"type", one.type}}));
    auto document = Value::object({{"format", request_format},
                                   {"id", recorded.id.text()},
                                   {"number", recorded.number},
                                   {"digest", recorded.digest},
                                   {"policy", recorded.policy},
                                   {"record", recorded.record},
                                   {"rules", recorded.rules},
                                   {"words", or_nothing(recorded.words)},
                                   {"salt", recorded.salt ? Value(base64(as_text(*recorded.salt))) : Value()},
                                   {"entries", std::move(entries)},
                                   {"leaves", std::move(leaves)}});
    return core::canonical(document) + "\n";
}

Result<RequestFile> read_request_file(std::string_view text) {
    auto document = wire::parse_json(
        text, {.bytes_max = export_file_bytes_max, .nesting_max = wire::document_nesting_max});
    if (!document) return pass(document);
    const Value& d = *document;
    auto id = core::RequestId::parse(d["id"].text());
    bool whole = d["format"].text() == request_format && id && d["digest"].string() && d["policy"].string() &&
                 d["record"].string() && d["rules"].string() && d["number"].integer();
    if (!whole) return no_request_file();
    RequestFile file{.recorded = {.id = *id,
                                  .number = d["number"].whole(),
                                  .digest = std::string(d["digest"].text()),
                                  .policy = std::string(d["policy"].text()),
                                  .record = std::string(d["record"].text()),
                                  .rules = std::string(d["rules"].text()),
                                  .words = if_there(d["words"]),
                                  .salt = {},
                                  .entries = {}},
                     .logged = {}};
    if (d["salt"].string()) {
        auto bytes = unbase64(d["salt"].text());
        auto& salt = file.recorded.salt.emplace();
        if (!bytes || bytes->size() != salt.size()) return no_request_file();
        for (std::size_t i = 0; i < salt.size(); ++i) salt[i] = static_cast<std::byte>((*bytes)[i]);
    }
    auto read = read_entries(d, file);
    if (!read) return pass(read);
    return file;
}

}  // namespace countersign::evidence
