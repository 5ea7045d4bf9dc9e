#include "pg/rows.hpp"

#include <algorithm>
#include <charconv>

#include "countersign/base/text.hpp"
#include "countersign/core/decide.hpp"
#include "countersign/wire/stored_entry.hpp"
#include "pg/sealing.hpp"

namespace countersign::pg {

// A newline never occurs inside canonical JSON. The sub-selects run only where there is something new.
const char* const case_columns = R"(
    s.request_id, s.version, s.state, s.quarantined, (extract(epoch FROM s.due_at) * 1000000)::bigint,
        s.counted,
    s.quorum, s.behind, encode(s.seal, 'hex'), x.records, x.words, x.states, x.origins, x.actors, x.seals,
    r.number, r.record, r.rules, r.words, encode(r.salt, 'hex'),
    (extract(epoch FROM s.review_due) * 1000000)::bigint, (SELECT version FROM people_head)
  FROM wanted w
  JOIN request_state s ON s.request_id = w.request_id
  LEFT JOIN LATERAL (
    SELECT string_agg(e.record, E'\n') AS records, string_agg(coalesce(e.words, ''), E'\n') AS words,
           string_agg(e.state, E'\n') AS states, string_agg(coalesce(e.origin::text, ''), E'\n') AS origins,
           string_agg(coalesce(e.actor::text, ''), E'\n') AS actors, string_agg(encode(e.seal, 'hex'),
               E'\n') AS seals
      FROM (SELECT * FROM entry WHERE request_id = w.request_id AND version > w.known ORDER BY version)
          AS e) x ON true
  LEFT JOIN request r ON r.id = w.request_id AND w.known = 0)";

namespace {

// The places of those columns in a row.
enum : int {
    request_column,
    version_column,
    state_column,
    quarantined_column,
    due_column,
    counted_column,
    quorum_column,
    behind_column,
    seal_column,
    records_column,
    words_column,
    states_column,
    origins_column,
    actors_column,
    seals_column,
    number_column,
    request_record_column,
    rules_column,
    request_words_column,
    salt_column,
    review_due_column
};

template <class Int>
std::optional<Int> number_from(const pqxx::field& field) {
    std::string_view text = view(field);
    Int value{};
    auto done = std::from_chars(text.data(), text.data() + text.size(), value);
    if (field.is_null() || done.ec != std::errc{} || done.ptr != text.data() + text.size())
        return std::nullopt;
    return value;
}

std::unexpected<Failure> corrupt(std::string what) {
    return fail(Trouble::corrupt, std::move(what));
}

std::optional<app::Pseudonym> pseudonym_from(std::string_view uuid) {
    auto id = id_from<core::RequestId>(uuid);  // any 16 bytes
    if (!id) return std::nullopt;
    return id->bytes();
}

std::string digits_of(const std::optional<app::Pseudonym>& name) {
    return name ? hex(*name) : std::string{};
}

std::string without_dashes(std::string_view text) {
    std::string out;
    for (char c : text)
        if (c != '-') out += c;
    return out;
}

std::vector<std::string_view> lines(const pqxx::field& field) {
    std::vector<std::string_view> all;
    if (field.is_null()) return all;
    std::string_view text = view(field);
    for (;;) {
        std::size_t end = text.find('\n');
        all.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return all;
        text.remove_prefix(end + 1);
    }
}

// What is read once of a request: everything that never changes, but for its entries.
Result<StoredCasePtr> immutable_from(const pqxx::row& row, core::RequestId id) {
    auto number = number_from<std::int64_t>(row[number_column]);
    if (!number || row[request_record_column].is_null() || row[rules_column].is_null())
        return corrupt("a request's row is missing or not readable");
    std::optional<wire::Salt> salt;
    bool has_words = !row[request_words_column].is_null();
    if (!row[salt_column].is_null()) {
        auto bytes = unhex(view(row[salt_column]));
        if (!bytes || bytes->size() != salt.emplace().size()) return corrupt("a salt of the wrong size");
        for (std::size_t i = 0; i < salt->size(); ++i) (*salt)[i] = static_cast<std::byte>((*bytes)[i]);
    }
    std::string_view record = view(row[request_record_column]);
    auto request =
        wire::read_stored_request(has_words ? view(row[request_words_column]) : record, id, *number);
    if (!request) return pass(request);
    request->words_erased = !has_words;
    if (has_words && (!salt || wire::stored_request(*request, &*salt) != record))
        return corrupt("the words of a request are not those that were recorded");
    auto applied = wire::read_stored_applied(view(row[rules_column]));
    if (!applied) return pass(applied);
    StoredCase known{{.c = {.request = std::move(*request), .applied = std::move(*applied), .entries = {}},
                      .origins = {},
                      .state = core::State::pending,
                      .words_erased = !has_words},
                     has_words ? salt : std::nullopt,
                     {},
                     case_weight(record.size() + row[rules_column].size())};
    return std::make_unique<StoredCase>(std::move(known));
}

// The entry that a row tells of, checked against its seal and its words. `facts`: of the first entry.
Result<core::Entry> entry_from(StoredCase& known, const EntryRow& row, std::string_view words,
                               const std::optional<wire::OpeningFacts>& facts, const app::Seals& seals) {
    const core::Request& request = known.c.request;
    auto check = seals.check(
        seal_input(request.id, request.digest, known.c.applied->policy_digest, row, known.seal), row.seal);
    if (check != app::SealCheck::holds) return std::unexpected(unsealed(check, "an entry of this request"));
    auto entry = wire::read_stored_entry(words.empty() ? std::string_view{row.record} : words);
    if (!entry) return entry;
    if (words.empty()) {
        known.words_erased = true;
    } else {
        const auto* opened = std::get_if<core::Opened>(&*entry);
        if (!known.salt || (opened != nullptr) != facts.has_value())
            return corrupt("an entry out of its place");
        std::string again = opened ? wire::stored_opening(*opened, *facts, *known.salt)
                                   : wire::stored_entry(*entry, &*known.salt);
        if (again != row.record) return corrupt("the words of an entry are not those that were recorded");
    }
    if (facts && !wire::opens(row.record, *facts))
        return corrupt("a request or its rules are not those that its first entry tells of");
    return entry;
}

Result<Done> take_entries(StoredCase& known, const pqxx::row& row, const app::Seals& seals) {
    auto records = lines(row[records_column]);
    auto words = lines(row[words_column]);
    auto states = lines(row[states_column]);
    auto origins = lines(row[origins_column]);
    auto actors = lines(row[actors_column]);
    auto of_seals = lines(row[seals_column]);
    for (std::size_t i = 0; i < records.size(); ++i) {
        auto state = core::parse_state(states[i]);
        auto seal = seal_from(of_seals[i]);
        if (!state || !seal) return corrupt("an entry's row is not readable");
        EntryRow one{.version = known.c.version() + 1,
                     .kind = {},
                     .state = *state,
                     .actor = pseudonym_from(actors[i]),
                     .origin = pseudonym_from(origins[i]),
                     .record = std::string(records[i]),
                     .words = {},
                     .seal = *seal};
        std::optional<wire::OpeningFacts> facts;
        if (one.version == 1)
            facts = {known.c.request->number, view(row[request_record_column]), view(row[rules_column])};
        auto entry = entry_from(known, one, words[i], facts, seals);
        if (!entry) return pass(entry);
        known.c.entries.push_back(std::move(*entry));
        known.origins.push_back(digits_of(one.origin));
        known.seal = one.seal;
        known.weight_bytes += entry_weight(std::max(words[i].size(), records[i].size()));
    }
    return Done{};
}

// The row of the state must say what the entries come to.
Result<Done> compare(const StoredCase& known, const core::Ruling& ruling, const pqxx::row& row) {
    app::Summary summary = app::summary_of(known.c, ruling);
    auto moment = [&](int column) {
        auto micros = number_from<std::int64_t>(row[column]);
        return micros ? std::optional{core::Instant{core::Duration{*micros}}} : std::nullopt;
    };
    bool same = view(row[state_column]) == name_of(summary.state) && moment(due_column) == summary.due_at &&
                moment(review_due_column) == summary.review_due &&
                without_dashes(view(row[counted_column])) == persons(summary.counted, known.salt) &&
                without_dashes(view(row[behind_column])) == persons(summary.behind, known.salt) &&
                number_from<std::int64_t>(row[quorum_column]) == std::int64_t{summary.quorum};
    if (!same)
        return corrupt("a request is stored as " + std::string(view(row[state_column])) +
                       ", but its entries come to something else (" + std::string(name_of(summary.state)) +
                       ")");
    if (known.words_erased && summary.state == core::State::pending)
        return corrupt("words of a request that is still pending are gone");
    return Done{};
}

}  // namespace

std::vector<std::string> texts(const pqxx::field& field) {
    if (field.size() == 0) return {};
    return split(view(field), list_separator);
}

std::optional<core::Instant> instant_from(const pqxx::field& field) {
    if (field.is_null()) return std::nullopt;
    std::string text(view(field));
    if (text.size() < 22) return std::nullopt;
    text[10] = 'T';
    if (text.ends_with("+00")) text.replace(text.size() - 3, 3, "Z");
    return core::parse_rfc3339(text);
}

std::optional<std::int64_t> whole_from(const pqxx::field& field) {
    return number_from<std::int64_t>(field);
}

app::SealInput seal_input(const core::RequestId& request, std::string_view digest, std::string_view policy,
                          const EntryRow& row, const app::Seal& before) {
    app::SealInput input("entry");
    input.add(as_text(request.bytes()))
        .add(digest)
        .add(policy)
        .add(std::int64_t{row.version})
        .add(as_text(before));
    input.add(name_of(row.state)).add(digits_of(row.origin)).add(digits_of(row.actor)).add(row.record);
    return input;
}

EntryRow first_row(const core::Case& c, core::State state, const wire::Salt& salt,
                   std::string_view request_record, std::string_view rules, const app::Seals& seals) {
    const core::Entry& entry = c.entries.front();
    EntryRow row{.version = 1,
                 .kind = kind_of(entry),
                 .state = state,
                 .actor = {},
                 .origin = {},
                 .record = wire::stored_opening(std::get<core::Opened>(entry),
                                                {c.request->number, request_record, rules}, salt),
                 .words = wire::stored_entry(entry, nullptr),
                 .seal = {}};
    row.seal =
        seals.seal(seal_input(c.request->id, c.request->digest, c.applied->policy_digest, row, app::Seal{}));
    return row;
}

EntryRow next_row(StoredCase& known, const app::PlannedEntry& planned, const app::Seals& seals) {
    const core::Entry& entry = known.c.entries[static_cast<std::size_t>(planned.version) - 1];
    EntryRow row{.version = planned.version,
                 .kind = kind_of(entry),
                 .state = planned.after,
                 .actor = {},
                 .origin = pseudonym_from(planned.origin),
                 .record = wire::stored_entry(entry, &*known.salt),
                 .words = wire::stored_entry(entry, nullptr),
                 .seal = {}};
    std::visit(
        [&](const auto& e) {
            if constexpr (requires { e.voter; }) row.actor = person_name(seals, e.voter.person);
        },
        entry);
    row.seal = seals.seal(seal_input(known.c.request->id, known.c.request->digest,
                                     known.c.applied->policy_digest, row, known.seal));
    known.seal = row.seal;
    known.weight_bytes += entry_weight(row.words.size());
    return row;
}

std::optional<core::RequestId> request_of(const pqxx::row& row) {
    return id_from<core::RequestId>(view(row[request_column]));
}

Result<Taken> take_in(StoredCasePtr& known, const pqxx::row& row, const app::Seals& seals) {
    auto id = request_of(row);
    auto version = number_from<std::int32_t>(row[version_column]);
    auto seal = seal_from(view(row[seal_column]));
    if (!id || !version || !seal) return corrupt("a request's state is not readable");
    if (view(row[quarantined_column]) == "t")
        return fail(Trouble::corrupt, "this request is quarantined: its record does not hold together",
                    "quarantined");
    bool first = !known;
    if (first) {
        auto read = immutable_from(row, *id);
        if (!read) return pass(read);
        known = std::move(*read);
    }
    std::int32_t before = known->c.version();
    auto taken = take_entries(*known, row, seals);
    if (!taken) return pass(taken);
    if (known->c.version() < *version) return Taken::moved;
    if (known->c.version() != *version || known->c.entries.empty() || known->seal != *seal ||
        !std::holds_alternative<core::Opened>(known->c.entries.front()))
        return corrupt("a request's state is not that of its last entry");
    // Worked out only where something is new to us.
    if (first || known->c.version() != before) {
        auto ruling = core::decide(known->c);
        auto same = compare(*known, ruling, row);
        if (!same) return pass(same);
        known->state = ruling.state;
    } else if (view(row[state_column]) != name_of(known->state)) {
        return corrupt("a request is stored as " + std::string(view(row[state_column])) +
                       ", but its entries say " + std::string(name_of(known->state)));
    }
    return Taken::whole;
}

app::Pseudonym origin_hash(const wire::Salt& salt, std::string_view origin) {
    return *pseudonym_from(wire::sealed_uuid(salt, origin));
}

std::string persons(const std::vector<core::PersonId>& people, const std::optional<wire::Salt>& salt) {
    constexpr std::size_t pseudonym_digits = 32;
    std::string out = "{";
    for (const auto& person : people) {
        if (out.size() > 1) out += ',';
        // Where the words were erased, the record's hash stands in for the person.
        out += salt ? wire::sealed_uuid(*salt, person.text()) : person.text().substr(0, pseudonym_digits);
    }
    return out += '}';
}

app::Pseudonym caller_name(const app::Seals& seals, std::string_view caller_key) {
    return seals.pseudonym("caller", caller_key);
}
app::Pseudonym requester_name(const app::Seals& seals, std::string_view name) {
    return seals.pseudonym("requester", name);
}
app::Pseudonym resource_name(const app::Seals& seals, std::string_view resource) {
    return seals.pseudonym("resource", resource);
}
app::Pseudonym person_name(const app::Seals& seals, const core::PersonId& person) {
    return seals.pseudonym("person", person.text());
}

}  // namespace countersign::pg
