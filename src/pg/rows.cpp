#include "pg/rows.hpp"

#include <charconv>

#include "countersign/base/text.hpp"
#include "countersign/core/decide.hpp"
#include "pg/sql.hpp"

namespace countersign::pg {
namespace {

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

// Calls `each` with every line, the last one too.
template <class Each>
void lines(std::string_view text, Each each) {
    for (;;) {
        std::size_t end = text.find('\n');
        each(text.substr(0, end));
        if (end == std::string_view::npos) return;
        text.remove_prefix(end + 1);
    }
}

Result<Known> immutable_from(const pqxx::row& row, core::RequestId id) {
    auto number = number_from<std::int64_t>(row[6]);
    if (!number || row[7].is_null() || row[8].is_null()) return corrupt("a request without its body");
    auto request = wire::read_stored_request(view(row[7]), id, *number);
    if (!request) return pass(request);
    auto applied = wire::read_stored_applied(view(row[8]));
    if (!applied) return pass(applied);
    std::optional<wire::Salt> salt;
    if (!row[9].is_null()) {
        auto bytes = unhex(view(row[9]));
        if (!bytes || bytes->size() != 16) return corrupt("a salt of the wrong size");
        salt.emplace();
        for (std::size_t i = 0; i < salt->size(); ++i) (*salt)[i] = static_cast<std::byte>((*bytes)[i]);
    }
    return Known{{.c = {.request = std::move(*request), .applied = std::move(*applied), .entries = {}},
                  .origins = {},
                  .state = core::State::pending,
                  .words_erased = !salt},
                 salt,
                 case_weight(row[7].size() + row[8].size())};
}

Result<Done> take_entries(Known& known, const pqxx::row& row) {
    std::optional<Failure> failed;
    if (!row[4].is_null()) {
        lines(view(row[4]), [&](std::string_view text) {
            auto entry = wire::read_stored_entry(text);
            if (entry)
                known.c.entries.push_back(std::move(*entry));
            else if (!failed)
                failed = std::move(entry).error();
            known.weight_bytes += entry_weight(text.size());
        });
    }
    if (failed) return std::unexpected(std::move(*failed));
    if (!row[5].is_null()) {
        lines(view(row[5]), [&](std::string_view uuid) {
            std::string& digits = known.origins.emplace_back();
            for (char c : uuid) {
                if (c != '-') digits += c;
            }
        });
    }
    return Done{};
}

}  // namespace

std::vector<std::string> texts(const pqxx::field& field) {
    if (field.size() == 0) return {};
    return split(view(field), list_separator);
}

std::string array_of(const std::vector<std::string>& all) {
    Array array;
    for (const auto& one : all) array.text(one);
    return std::string(array.finished());
}

std::optional<core::Instant> instant_from(const pqxx::field& field) {
    if (field.is_null()) return std::nullopt;
    std::string text(view(field));
    if (text.size() < 22) return std::nullopt;
    text[10] = 'T';
    if (text.ends_with("+00")) text.replace(text.size() - 3, 3, "Z");
    return core::parse_rfc3339(text);
}

Result<Fresh> fresh_from(const pqxx::row& row) {
    auto id = id_from<core::RequestId>(view(row[0]));
    auto version = number_from<std::int32_t>(row[1]);
    auto state = core::parse_state(view(row[2]));
    if (!id || !version || !state) return corrupt("a request's row is not readable");
    return Fresh{.id = *id, .version = *version, .state = *state, .quarantined = view(row[3]) == "t"};
}

Result<Done> take_in(KnownPtr& known, const pqxx::row& row) {
    auto fresh = fresh_from(row);
    if (!fresh) return pass(fresh);
    if (fresh->quarantined) {
        return fail(Trouble::corrupt, "this request is quarantined: its record does not hold together",
                    "quarantined");
    }
    bool moved = known && known->c.version() != fresh->version;
    bool first = !known;
    if (first) {
        auto read = immutable_from(row, fresh->id);
        if (!read) return pass(read);
        known = std::make_unique<Known>(std::move(*read));
    }
    auto taken = take_entries(*known, row);
    if (!taken) return taken;
    if (known->c.version() < fresh->version) return fail(Trouble::unavailable, "read again", "moved");
    if (known->c.version() != fresh->version || known->origins.size() != known->c.entries.size() ||
        !std::holds_alternative<core::Opened>(known->c.entries.front())) {
        return corrupt("a request's version is not the number of its entries");
    }
    // What the entries say must be what the row says; worked out only where either is new to us.
    if (first || moved) known->state = core::decide(known->c).state;
    if (known->state != fresh->state) {
        return corrupt("a request is stored as " + std::string(name_of(fresh->state)) +
                       ", but its entries say " + std::string(name_of(known->state)));
    }
    return Done{};
}

Result<CardRow> card_from(const pqxx::row& row) {
    auto id = id_from<core::CardId>(view(row[0]));
    auto request = id_from<core::RequestId>(view(row[1]));
    auto surface = core::parse_surface(view(row[2]));
    auto rendered = number_from<std::int32_t>(row[7]);
    auto attempts = number_from<std::int32_t>(row[8]);
    auto created = number_from<std::int64_t>(row[9]);
    if (!id || !request || !surface || !rendered || !attempts || !created) {
        return corrupt("a card's row is not readable");
    }
    CardRow card{.job = {.id = *id,
                         .request = *request,
                         .target = {*surface, std::string(view(row[3]))},
                         .posted = {},
                         .post_may_have_happened = view(row[6]) == "t",
                         .rendered_version = *rendered,
                         .attempts = *attempts,
                         .created_at = core::Instant{core::Duration{*created}}},
                 .holder = {}};
    if (!row[5].is_null()) card.job.posted = {std::string(view(row[4])), std::string(view(row[5]))};
    if (!row[10].is_null()) card.holder = id_from<core::ProcessId>(view(row[10]));
    return card;
}

std::string origin_hash(const wire::Salt& salt, std::string_view origin) {
    return wire::sealed_uuid(salt, origin);
}

}  // namespace countersign::pg
