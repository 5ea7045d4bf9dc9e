#include "countersign/core/history.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "core/fields.hpp"
#include "core/lists.hpp"
#include "countersign/base/check.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/groups.hpp"

namespace countersign::core {
namespace {

constexpr std::string_view parameters_field = "parameters";
constexpr std::string_view labels_prefix = "labels.";

// ---- what a request says

// The one value of a parameter; null: it has none.
Value parameter(const Request& request, std::string_view field) {
    Value found;
    if (!request.parameters) return found;
    walk(&*request.parameters, field.substr(parameters_field.size()), [&](const FieldValue& value) {
        if (const auto* one = std::get_if<const Value*>(&value)) found = **one;
    });
    return found;
}

Value or_null(const std::optional<std::string>& text) {
    return text ? Value{*text} : Value{};
}

// A caller whom an issuer vouches for is the same in each of its runs.
std::string requester_of(const Request& request) {
    return request.requester.run.empty() ? caller_key(request.requester) : request.requester.account.text();
}

Value common_value(const Request& request, std::string_view field) {
    if (field == "action") return request.action;
    if (field == "resource") return or_null(request.resource);
    if (field == "environment") return or_null(request.environment);
    if (field == by_requester) return requester_of(request);
    if (field.starts_with(labels_prefix)) {
        field.remove_prefix(labels_prefix.size());
        for (const auto& [name, text] : request.labels)
            if (name == field) return text;
        return {};
    }
    if (field.starts_with(parameters_field)) return parameter(request, field);
    COUNTERSIGN_CHECK(false);
}

// Returns what the request adds to a budget that is a sum, in millionths; 0 where requests are counted.
std::int64_t amount_of(const Request& request, const Budget& budget) {
    if (budget.sum.empty()) return 0;
    const Value said = parameter(request, budget.sum);
    const auto amount = said.number() ? in_millionths(*said.number()) : std::nullopt;
    // Rules refuse what does not say it. Should that ever be got round, it is as if it said too much.
    return amount.value_or((budget_sum_max + 1) * millionths);
}

// ---- keys

// Whom a group leaves out of itself is no part of who filled its slots.
GroupId plain(const GroupId& group) {
    return group_before_not_from(group);
}

Value texts(const std::vector<std::string>& all) {
    Value list = Value::array();
    for (const std::string& one : all) list.push(one);
    return list;
}

class Keys {
  public:
    Keys(const Request& request, const std::vector<PersonId>& behind) : request_(request), behind_(behind) {}

    void add(HistoryKey::Kind kind, std::size_t term, Value what, const std::vector<std::string>& by) {
        what.push(texts(by));
        if (!contains(by, by_people)) return keep({kind, with_values(what, by, {}), term});
        if (behind_.empty()) return keep({kind, with_values(what, by, {}), term});
        for (const PersonId& person : behind_) keep({kind, with_values(what, by, person.text()), term});
    }
    void add_last(const Applied& applied) {
        for (const Slots& slots : applied.alternatives)
            for (const CountOf& one : slots.groups)
                if (one.not_last != 0)
                    keep({HistoryKey::Kind::last,
                          canonical(Value::array().push("last").push(plain(one.of).text())), 0,
                          plain(one.of)});
    }
    std::vector<HistoryKey> take() { return std::move(keys_); }

  private:
    std::string with_values(Value what, const std::vector<std::string>& by, Value person) const {
        for (const std::string& field : by)
            what.push(field == by_people ? person : common_value(request_, field));
        return canonical(what);
    }
    void keep(HistoryKey key) {
        if (std::ranges::find(keys_, key.text, &HistoryKey::text) == keys_.end())
            keys_.push_back(std::move(key));
    }

    const Request& request_;
    const std::vector<PersonId>& behind_;
    std::vector<HistoryKey> keys_;
};

// ---- uses

// Takes neighbours together, the closest first, until few enough are left.
void gather(std::vector<HistoryRecord::Use>& uses) {
    while (uses.size() > uses_kept_max) {
        std::size_t closest = 0;
        for (std::size_t i = 1; i + 1 < uses.size(); ++i)
            if (uses[i + 1].at - uses[i].at < uses[closest + 1].at - uses[closest].at) closest = i;
        uses[closest + 1].count += uses[closest].count;
        uses[closest + 1].amount += uses[closest].amount;
        uses.erase(uses.begin() + static_cast<std::ptrdiff_t>(closest));
    }
}

struct Spent {
    std::uint64_t count = 0;
    std::int64_t amount = 0;
};

bool fits(const Budget& budget, const Spent& spent, std::int64_t amount) {
    if (budget.count != 0) return spent.count < budget.count;
    return amount <= budget.max && spent.amount <= budget.max - amount;
}

// The first whole second from then on, as people read it: "2026-01-02T04:00:00Z".
std::string second_text(Instant at) {
    const Instant whole{std::chrono::ceil<std::chrono::seconds>(at.time_since_epoch())};
    return rfc3339(whole).substr(0, 19) + "Z";
}

std::optional<HeldBack> beyond(const Request& request, const Budget& budget, const HistoryRecord& record,
                               Instant now) {
    const std::int64_t amount = amount_of(request, budget);
    Spent spent;
    for (const auto& use : record.uses) {
        if (use.at + budget.per <= now) continue;
        spent.count += use.count;
        spent.amount += use.amount;
    }
    if (fits(budget, spent, amount)) return std::nullopt;
    HeldBack held{HeldBack::Kind::budget, budget, {}};
    const std::string which = fmt::format("the budget of rule {} ({}{})", visible(budget.rule),
                                          budget_text(budget), common_text(budget.by));
    if (!fits(budget, {}, amount)) {
        held.sentence = fmt::format("this alone asks for more than {}", which);
        return held;
    }
    const std::string so_far = budget.count != 0 ? fmt::format("{} of {}", spent.count, budget.count)
                                                 : fmt::format("{} of {}", millionths_text(spent.amount),
                                                               millionths_text(budget.max));
    // There is room once enough of the oldest have left.
    Instant room = now;
    for (const auto& use : record.uses) {
        if (use.at + budget.per <= now) continue;
        spent.count -= use.count;
        spent.amount -= use.amount;
        room = use.at + budget.per;
        if (fits(budget, spent, amount)) break;
    }
    held.sentence = fmt::format("{} has no room for this: {} were let through; there is room again from {}",
                                which, so_far, second_text(room));
    return held;
}

// ---- turns

const InLine* place_of(const History& history, const RequestId& id) {
    auto found = std::ranges::find(history.line, id, &InLine::id);
    return found == history.line.end() ? nullptr : &*found;
}

bool ended(const History& history, const RequestId& id) {
    const InLine* place = place_of(history, id);
    return place != nullptr && place->ended;
}

std::string turns_text(const Turns& turns) {
    return fmt::format("one request with the same {} goes on at a time", join(turns.by, " and "));
}

std::string comes_first(const Turns& turns, const History& history, const RequestId& id) {
    const InLine* place = place_of(history, id);
    const std::string which = place && place->number != 0 ? fmt::format("#{}", place->number) : id.text();
    return fmt::format("{}, and {} comes first: {}", turns_text(turns), which,
                       place && place->claimed ? "its outcome has not been reported"
                                               : "wait until it has ended, or have it denied or cancelled");
}

// Those of the line that have not ended and stand before the request.
std::vector<RequestId> ahead_of(const RequestId& id, const HistoryRecord& record, const History& history) {
    std::vector<RequestId> ahead;
    for (const RequestId& other : record.line) {
        if (other == id) break;
        if (!ended(history, other)) ahead.push_back(other);
    }
    return ahead;
}

std::vector<HeldBack> turn_at_opening(const Request& request, const Turns& turns, State state,
                                      const HistoryRecord& record, const History& history) {
    const auto ahead = ahead_of(request.id, record, history);
    if (ahead.empty()) return {};
    auto claimed = std::ranges::find_if(ahead, [&](const RequestId& id) {
        const InLine* place = place_of(history, id);
        return place == nullptr || place->claimed;
    });
    if (turns.supersede && claimed == ahead.end())
        return {{HeldBack::Kind::supersedes, {}, turns_text(turns), ahead}};
    if (state == State::approved)
        return {{HeldBack::Kind::turn,
                 {},
                 comes_first(turns, history, claimed == ahead.end() ? ahead.front() : *claimed)}};
    if (turns.supersede) {
        std::vector<RequestId> waiting = ahead;
        std::erase_if(waiting, [&](const RequestId& id) {
            const InLine* place = place_of(history, id);
            return place == nullptr || place->claimed;
        });
        if (!waiting.empty()) return {{HeldBack::Kind::supersedes, {}, turns_text(turns), waiting}};
    }
    if (ahead.size() >= line_max)
        return {{HeldBack::Kind::turn,
                 {},
                 fmt::format("{}, and {} are waiting already", turns_text(turns), ahead.size())}};
    return {};
}

}  // namespace

bool asks_history(const Applied& applied) {
    if (applied.kind == Applied::Kind::refuse) return false;
    return !applied.budgets.empty() || !applied.turns.empty() ||
           std::ranges::any_of(applied.alternatives, [](const Slots& slots) {
               return std::ranges::any_of(slots.groups, [](const CountOf& one) { return one.not_last != 0; });
           });
}

bool counts_or_compares(const Applied& applied, std::string_view pointer) {
    // A field as the tokens of a pointer: "parameters.items[0].amount", "/parameters/items/0/amount".
    auto meets = [&](std::string_view field) {
        if (!field.starts_with(parameters_field)) return false;
        std::string path = "/";
        for (const char c : field)
            if (c == '.' || c == '[')
                path += '/';
            else if (c != ']')
                path += c;
        auto within = [](std::string_view part, std::string_view whole) {
            return part == whole || (part.starts_with(whole) && part[whole.size()] == '/');
        };
        return within(path, pointer) || within(pointer, path);
    };
    return std::ranges::any_of(applied.budgets,
                               [&](const Budget& one) {
                                   return (!one.sum.empty() && meets(one.sum)) ||
                                          std::ranges::any_of(one.by, meets);
                               }) ||
           std::ranges::any_of(applied.turns,
                               [&](const Turns& one) { return std::ranges::any_of(one.by, meets); });
}

std::vector<HistoryKey> history_keys(const Request& request, const Applied& applied,
                                     const std::vector<PersonId>& behind) {
    if (!asks_history(applied)) return {};
    Keys keys{request, behind};
    for (std::size_t i = 0; i < applied.budgets.size(); ++i) {
        const Budget& budget = applied.budgets[i];
        keys.add(HistoryKey::Kind::budget, i,
                 Value::array().push("budget").push(budget.rule).push(budget.sum).push(budget.per.count()),
                 budget.by);
    }
    for (std::size_t i = 0; i < applied.turns.size(); ++i)
        keys.add(HistoryKey::Kind::turns, i, Value::array().push("turns"), applied.turns[i].by);
    keys.add_last(applied);
    return keys.take();
}

std::vector<HistoryKey> last_keys(const Request& request, const Applied& applied) {
    const std::vector<PersonId> nobody;
    Keys keys{request, nobody};
    if (applied.kind != Applied::Kind::refuse) keys.add_last(applied);
    return keys.take();
}

InLine in_line(const Case& c, Instant now) {
    const Ruling ruling = decide(c);
    InLine place{c.request->id, c.request->number, final(ruling.state), ruling.state == State::claimed};
    if (ruling.state == State::pending) place.ended = c.request->expires_at <= now;
    if (ruling.state == State::approved) place.ended = ruling.grant_ends && *ruling.grant_ends <= now;
    for (const Entry& entry : c.entries)
        if (std::holds_alternative<Claimed>(entry) && at_of(entry) + claim_holds <= now) place.ended = true;
    return place;
}

std::vector<HeldBack> held_back_at_opening(const Request& request, const Applied& applied, State state,
                                           const History& history, Instant now) {
    std::vector<HeldBack> all;
    if (state != State::pending && state != State::approved) return all;
    for (const History::Past& past : history.past) {
        if (past.key.kind == HistoryKey::Kind::budget) {
            if (auto held = beyond(request, applied.budgets[past.key.term], past.record, now))
                all.push_back(std::move(*held));
        } else if (past.key.kind == HistoryKey::Kind::turns) {
            for (HeldBack& held :
                 turn_at_opening(request, applied.turns[past.key.term], state, past.record, history))
                all.push_back(std::move(held));
        }
    }
    return all;
}

std::optional<HeldBack> held_back(const Request& request, const Applied& applied, const History& history,
                                  Instant now) {
    for (const History::Past& past : history.past) {
        if (past.key.kind == HistoryKey::Kind::budget) {
            if (auto held = beyond(request, applied.budgets[past.key.term], past.record, now)) return held;
        } else if (past.key.kind == HistoryKey::Kind::turns) {
            const auto ahead = ahead_of(request.id, past.record, history);
            if (!ahead.empty())
                return HeldBack{HeldBack::Kind::turn,
                                {},
                                comes_first(applied.turns[past.key.term], history, ahead.front())};
        }
    }
    return std::nullopt;
}

std::vector<std::string> contradictions(const Request& request, const Applied& applied, bool approved) {
    std::vector<std::string> all;
    for (const Budget& budget : applied.budgets) {
        if (!contains(applied.rules, budget.rule))
            all.push_back(fmt::format("it counts toward a budget of rule {}, which it does not match",
                                      visible(budget.rule)));
        const std::int64_t amount = amount_of(request, budget);
        if (approved && !fits(budget, {}, amount))
            all.push_back(
                fmt::format("it was approved for {} of {}, which alone is more than its budget ({})",
                            millionths_text(amount), budget.sum, budget_text(budget)));
    }
    for (const std::string& rule : applied.over_budget) {
        if (!contains(applied.rules, rule))
            all.push_back(
                fmt::format("it is beyond a budget of rule {}, which it does not match", visible(rule)));
        if (applied.kind == Applied::Kind::allow)
            all.push_back(
                fmt::format("it is beyond a budget of rule {}, and nobody was asked", visible(rule)));
    }
    return all;
}

std::vector<GroupId> filled_last(const Applied& applied, const History& history, const PersonId& person) {
    std::vector<GroupId> groups;
    if (!history.name_of) return groups;
    for (const Slots& slots : applied.alternatives) {
        for (const CountOf& one : slots.groups) {
            if (one.not_last == 0) continue;
            auto past = std::ranges::find(history.past, plain(one.of),
                                          [](const History::Past& its) { return its.key.group; });
            if (past == history.past.end()) continue;
            const auto& last = past->record.last;
            const std::string name = history.name_of(person);
            const std::size_t from = last.size() - std::min<std::size_t>(last.size(), one.not_last);
            for (std::size_t i = from; i < last.size(); ++i)
                if (contains(last[i], name)) add_once(groups, one.of);
        }
    }
    return groups;
}

namespace {

void use(HistoryRecord& record, const Request& request, const Budget& budget, Instant now) {
    std::erase_if(record.uses, [&](const auto& one) { return one.at + budget.per <= now; });
    const Instant at = record.uses.empty() ? now : std::max(now, record.uses.back().at);
    record.uses.push_back({at, 1, amount_of(request, budget)});
    gather(record.uses);
}

// Clocks of replicas differ a little: a use is never older than the one before it.
std::vector<HistoryRecord> records_after(const Case& c, const Ruling& ruling, const History& history,
                                         Instant now, bool opens) {
    std::vector<HistoryRecord> records;
    for (const History::Past& past : history.past) {
        HistoryRecord record = past.record;
        const bool approved = ruling.state == State::approved;
        switch (past.key.kind) {
            case HistoryKey::Kind::budget:
                if (approved) use(record, c.request, c.applied->budgets[past.key.term], now);
                break;
            case HistoryKey::Kind::turns:
                std::erase_if(record.line, [&](const RequestId& id) { return ended(history, id); });
                if (opens && (approved || ruling.state == State::pending))
                    add_once(record.line, c.request->id);
                break;
            case HistoryKey::Kind::last: {
                std::vector<std::string> filled;
                for (const VoteMark& vote : ruling.votes)
                    if (vote.counted_for && plain(*vote.counted_for) == past.key.group && history.name_of)
                        add_once(filled, history.name_of(vote.person));
                if (!approved || filled.empty()) break;
                record.last.push_back(std::move(filled));
                if (record.last.size() > not_last_max) record.last.erase(record.last.begin());
                break;
            }
        }
        records.push_back(std::move(record));
    }
    return records;
}

}  // namespace

std::vector<HistoryRecord> after_opening(const Case& c, const Ruling& ruling, const History& history,
                                         Instant now) {
    return records_after(c, ruling, history, now, true);
}

std::vector<HistoryRecord> after_approval(const Case& c, const Ruling& ruling, const History& history,
                                          Instant now) {
    return records_after(c, ruling, history, now, false);
}

}  // namespace countersign::core
