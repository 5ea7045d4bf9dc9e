#include "pg/history_rows.hpp"

#include <algorithm>
#include <map>

#include "countersign/base/log.hpp"
#include "countersign/wire/stored_history.hpp"
#include "pg/case_statements.hpp"
#include "pg/rows.hpp"
#include "pg/sealing.hpp"

namespace countersign::pg {
namespace {

// Keys that are new; the others stay. In the order of the keys, as the locks after it.
constexpr Query add_history{
    "INSERT INTO history (key, version, changed_at, record, seal) SELECT k, 0, $2, $3, s::bytea "
    "FROM unnest($1::uuid[], $4::text[]) AS n(k, s) ORDER BY k ON CONFLICT (key) DO NOTHING"};
constexpr Query lock_rows{
    "SELECT key, version, record, encode(seal, 'hex') FROM history WHERE key = ANY ($1::uuid[]) ORDER BY key "
    "FOR NO KEY UPDATE"};
constexpr Query read_history{
    "SELECT key, version, record, encode(seal, 'hex') FROM history WHERE key = ANY ($1::uuid[])"};
constexpr Query change_history{
    "UPDATE history SET version = $2, changed_at = $3, record = $4, seal = $5 WHERE key = $1"};

app::SealInput history_seal_input(const app::Pseudonym& key, std::int64_t version, std::string_view record) {
    app::SealInput input("history");
    return input.add(as_text(key)).add(version).add(record);
}

using Rows = std::map<app::Pseudonym, std::pair<std::int64_t, core::HistoryRecord>>;

Result<Rows> rows_from(const pqxx::result& found, const app::Seals& seals) {
    Rows rows;
    for (const auto& row : found) {
        auto key = id_from<core::RequestId>(view(row[0]));  // any 16 bytes
        auto version = whole_from(row[1]);
        auto seal = seal_from(view(row[3]));
        if (!key || !version || !seal) return fail(Trouble::corrupt, "a row of history is not readable");
        app::Pseudonym name{};
        std::ranges::copy(key->bytes(), name.begin());
        auto check = seals.check(history_seal_input(name, *version, view(row[2])), *seal);
        if (check != app::SealCheck::holds)
            return std::unexpected(unsealed(check, "what is kept of earlier requests"));
        auto record = wire::read_stored_history(view(row[2]));
        if (!record) return pass(record);
        rows.emplace(name, std::pair{*version, std::move(*record)});
    }
    return rows;
}

std::function<std::string(const core::PersonId&)> names_by(const app::Seals& seals) {
    return
        [&seals](const core::PersonId& person) { return hex(seals.pseudonym("history of", person.text())); };
}

// One that cannot be read holds its place, and one that is not there has none.
Sql<std::vector<core::InLine>> read_line(Session& session, const std::vector<core::RequestId>& ids,
                                         const app::Seals& seals, core::Instant now) {
    std::vector<core::InLine> line;
    if (ids.empty()) return line;
    for (const core::RequestId& id : ids) line.push_back({.id = id, .ended = true});
    const std::vector<std::string> none_known(ids.size(), "0");
    auto rows = session.run(read_cases, Arguments::of(ids, none_known, ids.size()));
    if (!rows) return std::unexpected(rows.error());
    for (const auto& row : *rows) {
        const auto id = request_of(row);
        auto place = std::ranges::find_if(line, [&](const core::InLine& one) { return id && one.id == *id; });
        if (place == line.end()) continue;
        StoredCasePtr known;
        auto taken = take_in(known, row, seals);
        if (taken && *taken == Taken::whole)
            *place = core::in_line(known->c, now);
        else
            place->ended = false;
    }
    return line;
}

}  // namespace

Sql<Result<LockedHistory>> lock_history(Session& session, const std::vector<core::HistoryKey>& keys,
                                        const app::Seals& seals, core::Instant now) {
    LockedHistory locked;
    locked.history.name_of = names_by(seals);
    if (keys.empty()) return Result<LockedHistory>{std::move(locked)};
    const std::string empty = wire::stored_history({});
    std::vector<std::string> names, empty_seals;
    for (const core::HistoryKey& key : keys) {
        locked.rows.push_back({seals.pseudonym("history", key.text), 0});
        names.push_back(hex(locked.rows.back().key));
        empty_seals.push_back("\\x" + hex(seals.seal(history_seal_input(locked.rows.back().key, 0, empty))));
    }
    auto added = session.run(add_history, Arguments::of(names, now, empty, empty_seals));
    if (!added) return std::unexpected(added.error());
    auto found = session.run(lock_rows, Arguments::of(names));
    if (!found) return std::unexpected(found.error());
    auto rows = rows_from(*found, seals);
    if (!rows) {
        log::error("pg", "{}: whatever asks for it cannot be decided", rows.error().detail);
        return Result<LockedHistory>{pass(rows)};
    }
    std::vector<core::RequestId> ids;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        auto row = rows->find(locked.rows[i].key);
        if (row == rows->end())
            return Result<LockedHistory>{fail(Trouble::corrupt, "a row of history went away")};
        locked.rows[i].version = row->second.first;
        locked.history.past.push_back({keys[i], row->second.second});
        for (const core::RequestId& id : row->second.second.line)
            if (std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
    }
    auto line = read_line(session, ids, seals, now);
    if (!line) return std::unexpected(line.error());
    locked.history.line = std::move(*line);
    return Result<LockedHistory>{std::move(locked)};
}

Sql<Done> add_earlier(Session& session, std::vector<core::Case>& cases, const app::Seals& seals) {
    std::map<const core::Case*, std::vector<core::HistoryKey>> asking;
    std::vector<std::string> names;
    for (const core::Case& c : cases) {
        auto keys = core::last_keys(c.request, c.applied);
        if (keys.empty() || !core::open(core::decide(c).state)) continue;
        for (const core::HistoryKey& key : keys) names.push_back(hex(seals.pseudonym("history", key.text)));
        asking.emplace(&c, std::move(keys));
    }
    if (asking.empty()) return Done{};
    auto found = session.run(read_history, Arguments::of(names));
    if (!found) return std::unexpected(found.error());
    auto rows = rows_from(*found, seals);
    if (!rows) {
        log::error("pg", "{}: cards name people who would be refused", rows.error().detail);
        return Done{};
    }
    for (core::Case& c : cases) {
        auto its = asking.find(&c);
        if (its == asking.end()) continue;
        core::History earlier{.past = {}, .line = {}, .name_of = names_by(seals)};
        for (const core::HistoryKey& key : its->second) {
            auto row = rows->find(seals.pseudonym("history", key.text));
            earlier.past.push_back({key, row == rows->end() ? core::HistoryRecord{} : row->second.second});
        }
        c.earlier = std::make_shared<const core::History>(std::move(earlier));
    }
    return Done{};
}

Sql<Done> write_history(Session& session, const LockedHistory& locked,
                        const std::vector<core::HistoryRecord>& records, const app::Seals& seals,
                        core::Instant now) {
    for (std::size_t i = 0; i < records.size(); ++i) {
        if (records[i] == locked.history.past[i].record) continue;
        const auto& [key, version] = locked.rows[i];
        const std::string record = wire::stored_history(records[i]);
        const auto seal = seals.seal(history_seal_input(key, version + 1, record));
        auto changed = session.run(change_history, Arguments::of(key, version + 1, now, record, seal));
        if (!changed) return std::unexpected(changed.error());
    }
    return Done{};
}

}  // namespace countersign::pg
