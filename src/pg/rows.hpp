#pragma once
#include <cstdint>
#include <optional>
#include <pqxx/row>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/app/plan.hpp"
#include "countersign/app/seals.hpp"
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
// "2026-01-02 03:04:05.678901+00", as a session in UTC writes it.
std::optional<core::Instant> instant_from(const pqxx::field& field);
std::optional<std::int64_t> whole_from(const pqxx::field& field);

// A case and what appending to it needs, as read from its rows or remembered from before. Origins are 32 hex
// digits.
struct StoredCase : app::OnRecord {
    std::optional<wire::Salt> salt;  // nullopt: its words were erased
    app::Seal seal{};                // of the last entry; what the next one's covers
    std::size_t weight_bytes = 0;
};
using StoredCasePtr = std::unique_ptr<StoredCase>;

// What a known case and each of its entries take in memory, from the size of their texts.
constexpr std::size_t case_weight(std::size_t text_bytes) {
    return text_bytes + sizeof(StoredCase) + sizeof(core::Request) + sizeof(core::Applied) + 512;
}
constexpr std::size_t entry_weight(std::size_t text_bytes) {
    return text_bytes + sizeof(core::Entry) + 128;
}

// What a row of `entry` says.
struct EntryRow {
    std::int32_t version = 1;
    std::string_view kind;
    core::State state = core::State::pending;  // with this entry
    std::optional<app::Pseudonym> actor;       // who voted
    std::optional<app::Pseudonym> origin;
    std::string record;
    std::string words;
    app::Seal seal{};
};
// The first entry of a case, and any other. Rows name their people by pseudonyms.
EntryRow first_row(const core::Case& c, core::State state, const wire::Salt& salt,
                   std::string_view request_record, std::string_view rules, const app::Seals& seals);
// `known` ends with the entry before; afterwards with this one's seal.
EntryRow next_row(StoredCase& known, const app::PlannedEntry& planned, const app::Seals& seals);
// What the seal of an entry covers: the request, what it was asked for and under which policy, the entry's
// place, the seal before it (zeros before the first), and everything in its row but its words, whose hashes
// the record holds.
app::SealInput seal_input(const core::RequestId& request, std::string_view digest, std::string_view policy,
                          const EntryRow& row, const app::Seal& before);

// The columns of a case that `take_in` reads: `FROM wanted w` with request_id and `known`, the number of
// entries that are known already.
extern const char* const case_columns;

enum class Taken : std::uint8_t {
    whole,
    moved  // the row is newer than the entries that were read with it: a lock was waited for; read again
};
// Takes a row in: new entries, and everything else when nothing was known (`known` null). Checks every seal,
// that words are those the record has hashes of, and that the row of the state says what the entries come to.
// corrupt: something does not hold together; code "quarantined": that was found out before. unavailable,
// "unknown_key": sealed with another server key.
Result<Taken> take_in(StoredCasePtr& known, const pqxx::row& row, const app::Seals& seals);
std::optional<core::RequestId> request_of(const pqxx::row& row);

// Origins are kept as salted hashes: they name people.
app::Pseudonym origin_hash(const wire::Salt& salt, std::string_view origin);
// "{uuid,uuid}": the persons' pseudonyms in this request.
std::string persons(const std::vector<core::PersonId>& people, const std::optional<wire::Salt>& salt);

// The one place that says what is sealed about callers, for lists to find them by.
app::Pseudonym caller_name(const app::Seals& seals, std::string_view caller_key);
app::Pseudonym requester_name(const app::Seals& seals, std::string_view name);
app::Pseudonym resource_name(const app::Seals& seals, std::string_view resource);
app::Pseudonym person_name(const app::Seals& seals, const core::PersonId& person);

}  // namespace countersign::pg
