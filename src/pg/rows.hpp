#pragma once
#include <optional>
#include <pqxx/row>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/app/plan.hpp"
#include "countersign/base/text.hpp"
#include "countersign/wire/stored.hpp"

// Rows as values. A row that does not have the form it was written in is corrupt.
namespace countersign::pg {

template <class Id>
std::optional<Id> id_from(std::string_view uuid) {
    std::string digits;
    for (char c : uuid) {
        if (c != '-') digits += c;
    }
    auto bytes = unhex(digits);
    if (!bytes || bytes->size() != 16) return std::nullopt;
    typename Id::Bytes id{};
    for (std::size_t i = 0; i < id.size(); ++i) id[i] = static_cast<std::byte>((*bytes)[i]);
    return Id{id};
}

inline std::string_view view(const pqxx::field& field) {
    return {field.c_str(), field.size()};
}
// Lists of texts travel joined by U+001F, which none of their texts holds.
inline constexpr char list_separator = '\x1f';
std::vector<std::string> texts(const pqxx::field& field);
// An array literal of PostgreSQL, quoted.
std::string array_of(const std::vector<std::string>& all);
// "2026-01-02 03:04:05.678901+00", as a session in UTC writes it.
std::optional<core::Instant> instant_from(const pqxx::field& field);

// A case and what appending to it needs, as read from its row or remembered from before.
struct Known : app::OnRecord {       // origins: 32 hex digits
    std::optional<wire::Salt> salt;  // nullopt: its texts were erased
    std::size_t weight_bytes = 0;
};
using KnownPtr = std::unique_ptr<Known>;

// What a known case and each of its entries take in memory, from the size of their texts.
constexpr std::size_t case_weight(std::size_t text_bytes) {
    return text_bytes + sizeof(Known) + sizeof(core::Request) + sizeof(core::Applied) + 512;
}
constexpr std::size_t entry_weight(std::size_t text_bytes) {
    return text_bytes + sizeof(core::Entry) + 128;
}

// What the row says of a case of which the first `known` entries are here.
struct Fresh {
    core::RequestId id;
    std::int32_t version = 0;
    core::State state = core::State::pending;
    bool quarantined = false;
};
Result<Fresh> fresh_from(const pqxx::row& row);
// Takes the row in: new entries, and everything else when nothing was known (`known` null). Unavailable
// with code "moved": the row is newer than its entries here, read again (see lock_case).
Result<Done> take_in(KnownPtr& known, const pqxx::row& row);

struct CardRow {
    app::CardJob job;
    std::optional<core::ProcessId> holder;  // of a card that is due
};
Result<CardRow> card_from(const pqxx::row& row);

// Origins are kept as salted hashes: they name people.
std::string origin_hash(const wire::Salt& salt, std::string_view origin);

}  // namespace countersign::pg
