#include <fmt/core.h>

#include <algorithm>

#include "countersign/base/overload.hpp"
#include "countersign/base/text.hpp"
#include "policy/lint.hpp"

namespace countersign::policy {
namespace {

using core::Test;
using Operator = core::Test::Operator;

constexpr std::size_t names_shown_max = 3;

std::string some_names(const std::vector<core::PersonId>& people) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < people.size() && i < names_shown_max; ++i)
        names.push_back("`" + people[i].text() + "`");
    if (people.size() > names_shown_max)
        names.push_back(fmt::format("{} more", people.size() - names_shown_max));
    return join(names, ", ");
}

// Calls `see` with every group asked for and the node that asks.
void each_count(const core::Requirement& requirement, const Node& node,
                const std::function<void(const core::CountOf&, const Node&)>& see) {
    auto inside = [&](const std::vector<core::Requirement>& of, std::string_view key) {
        const Node* list = NodeReader::find(node, key);
        for (std::size_t i = 0; list && i < of.size() && i < list->items.size(); ++i)
            each_count(of[i], list->items[i], see);
    };
    std::visit(Overload{[&](const core::CountOf& one) { see(one, node); },
                        [&](const core::RequireAll& all) { inside(all.of, "all"); },
                        [&](const core::RequireAny& any) { inside(any.of, "any"); },
                        [&](const core::RequireThen& then) { inside(then.of, "then"); },
                        [](const core::CountFor&) {}},
               requirement.node);
}

}  // namespace

void Lint::lint_people(const core::Requirement& requirement, const Node& node, const Asker& asker) {
    lint_alternatives(requirement, node, asker);
    bool short_of = false;
    const bool only_way = !std::holds_alternative<core::RequireAny>(requirement.node);
    each_count(requirement, node, [&](const core::CountOf& one, const Node& at) {
        const auto* people = members(one.of);
        if (!people) return;
        if (people->size() < one.count) {
            short_of = true;
            warn("unmeetable", asker.file, place_of(at),
                 fmt::format("{} asks for {} of group `{}`, which has only {}", asker.name, one.count,
                             one.of.text(), people->size()),
                 asker.rule);
        } else if (one.not_last != 0 && people->size() < one.count * (std::size_t{one.not_last} + 1)) {
            warn("unmeetable", asker.file, place_of(at),
                 fmt::format("{} asks for {} of group `{}` and none of the last {}: of {} people nobody is "
                             "left after that many requests",
                             asker.name, one.count, one.of.text(), one.not_last, people->size()),
                 asker.rule);
        } else if (people->size() == one.count && one.count > 1 && only_way) {
            warn("all_members", asker.file, place_of(at),
                 fmt::format("{} asks for all {} members of group `{}`: nobody can approve what one "
                             "of them asks for",
                             asker.name, one.count, one.of.text()),
                 asker.rule);
        }
    });
    if (!short_of) lint_together(requirement, node, asker);
}

void Lint::lint_together(const core::Requirement& requirement, const Node& node, const Asker& asker) {
    auto alternatives = core::alternatives_of(requirement);
    if (!alternatives) return;
    bool scarce = true;
    for (const core::Slots& slots : *alternatives) {
        lint_overlap(slots, node, asker);
        std::size_t total = 0;
        for (const core::CountOf& one : slots.groups) total += one.count;
        scarce = scarce && std::ranges::any_of(slots.groups, [&](const core::CountOf& one) {
                     return known(one) && members(one.of)->size() < total;
                 });
    }
    if (!scarce) return;
    core::Applied applied;
    applied.kind = core::Applied::Kind::require;
    applied.alternatives = std::move(*alternatives);
    const core::Request nobodys{
        core::RequestId{core::RequestId::Bytes{}}, 0, "any", {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}};
    auto opened = core::opening(nobodys, applied, *offline_, core::Instant{});
    if (opened.dead_end)
        warn("unmeetable", asker.file, place_of(node), fmt::format("{}: {}", asker.name, *opened.dead_end),
             asker.rule);
}

// Alternatives of an `any` that another one meets with fewer people.
void Lint::lint_alternatives(const core::Requirement& requirement, const Node& node, const Asker& asker) {
    const auto* any = std::get_if<core::RequireAny>(&requirement.node);
    const Node* list = any ? NodeReader::find(node, "any") : nullptr;
    for (std::size_t a = 0; list && a < any->of.size() && a < list->items.size(); ++a) {
        if (std::holds_alternative<core::CountOf>(any->of[a].node)) continue;
        const auto larger = core::alternatives_of(any->of[a]);
        for (std::size_t b = 0; larger && b < any->of.size() && b < list->items.size(); ++b) {
            const auto smaller = core::alternatives_of(any->of[b]);
            if (a == b || !smaller || *larger == *smaller) continue;
            if (!core::covers(*larger, *smaller, core::SlotOrder::ignored)) continue;
            warn("needless_alternative", asker.file, place_of(list->items[a]),
                 fmt::format(
                     "{} takes this, but whoever gives it gives what is enough as well (line {}): it is "
                     "never needed",
                     asker.name, list->items[b].line),
                 asker.rule);
            break;
        }
    }
    for (std::size_t a = 0; list && a < any->of.size() && a < list->items.size(); ++a) {
        const auto* more = std::get_if<core::CountOf>(&any->of[a].node);
        for (std::size_t b = 0; more && b < any->of.size() && b < list->items.size(); ++b) {
            const auto* less = std::get_if<core::CountOf>(&any->of[b].node);
            if (a == b || !less || less->of != more->of || less->count >= more->count) continue;
            warn("needless_alternative", asker.file, place_of(list->items[a]),
                 fmt::format(
                     "{} takes {} of group `{}`, but {} of it is enough (line {}): the larger count is "
                     "never needed",
                     asker.name, more->count, more->of.text(), less->count, list->items[b].line),
                 asker.rule);
            break;
        }
    }
}

void Lint::lint_overlap(const core::Slots& slots, const Node& node, const Asker& asker) {
    for (std::size_t a = 0; a < slots.groups.size(); ++a) {
        for (std::size_t b = a + 1; b < slots.groups.size(); ++b) {
            const core::GroupId& x = slots.groups[a].of;
            const core::GroupId& y = slots.groups[b].of;
            if (!members(x) || !members(y)) continue;
            auto [known, fresh] = in_both_.try_emplace({x.text(), y.text()});
            if (fresh)
                std::ranges::set_intersection(*members(x), *members(y), std::back_inserter(known->second));
            // Whoever puts all of one group into another means it.
            const auto least = std::min(members(x)->size(), members(y)->size());
            if (known->second.empty() || known->second.size() == least) continue;
            warn("overlap", asker.file, place_of(node),
                 fmt::format("{} asks two groups, `{}` and `{}`, but {} may speak for either: it takes two "
                             "people, not two points of view",
                             asker.name, x.text(), y.text(), some_names(known->second)),
                 asker.rule);
            return;
        }
    }
}

// A rule for what certain people ask, of groups that are empty without them.
void Lint::lint_excluded(std::size_t i) {
    const core::Rule& rule = rules()[i];
    auto alternatives = core::alternatives_of(*rule.require);
    if (!alternatives) return;
    auto stuck_without = [&](const core::PersonId& person) {
        return std::ranges::all_of(*alternatives, [&](const core::Slots& slots) {
            return std::ranges::any_of(slots.groups, [&](const core::CountOf& one) {
                const auto* people = members(one.of);
                return people && people->size() >= one.count &&
                       people->size() - (std::ranges::binary_search(*people, person) ? 1 : 0) < one.count;
            });
        });
    };
    each_test(rule.when, [&](const Test& test, bool negated) {
        const bool named = test.field.starts_with("requester.people") &&
                           (test.op == Operator::eq || test.op == Operator::in);
        if (!named || negated) return;
        each_text(test, [&](std::string_view name) {
            const core::PersonId person{std::string{name}};
            const bool excepted =
                rule.self_approval &&
                std::ranges::find(rule.self_approval->allow, person) != rule.self_approval->allow.end();
            if (excepted || !stuck_without(person)) return;
            warn("requester_needed", rule.file, test.at,
                 fmt::format("rule `{}` is about what `{}` asks for, whose own vote never counts: without it "
                             "too few are left to approve",
                             rule.name, visible(name)),
                 loaded_.rules[i]);
        });
    });
}

// Whoever approves their own request leaves nobody in the group to review it.
void Lint::lint_review(std::size_t i) {
    const auto& own = rules()[i].self_approval;
    if (!own || !own->review) return;
    for (const core::GroupId& group : own->review->by) {
        const auto* people = members(group);
        if (!people) continue;
        for (const core::PersonId& person : own->allow) {
            if (people->size() > 1 || people->front() != person) continue;
            warn("unmeetable", i, "self_approval",
                 fmt::format("lets `{}` approve requests of their own, and nobody else is in `{}` to review "
                             "them: once the time for the first review is over, none is approved so again",
                             person.text(), group.text()));
        }
    }
}

// Only the policy says who signs in for whom.
void Lint::lint_sign_in(std::size_t i) {
    const core::Rule& rule = rules()[i];
    if (!rule.step_up || rule.shadow) return;
    const auto alternatives = core::alternatives_of(*rule.require);
    if (!alternatives) return;
    std::vector<core::PersonId> silent;
    auto signs_in = [&](const core::PersonId& person) {
        const auto& accounts = loaded_.policy.people[loaded_.names.people.at(person.text())].accounts;
        return std::ranges::any_of(
            accounts, [](const core::AccountId& one) { return core::parts(one).kind == "oidc"; });
    };
    for (const core::Slots& slots : *alternatives)
        for (const core::CountOf& one : slots.groups) {
            const auto* people = members(one.of);
            if (!people) continue;
            for (const core::PersonId& person : *people)
                if (!signs_in(person) && std::ranges::find(silent, person) == silent.end())
                    silent.push_back(person);
        }
    if (silent.empty()) return;
    warn("no_sign_in", i, "step_up",
         fmt::format(
             "asks whoever approves to sign in, and {} {} no `oidc` account in `people` to do so with: "
             "what they approve never counts",
             some_names(silent), silent.size() == 1 ? "has" : "have"));
}

// A name in `requester.people` that nobody has. An account linked to nobody is a name too, with a colon.
void Lint::lint_person(std::string_view person, const std::string& file, core::FilePosition at,
                       const Node* rule) {
    const auto& people = loaded_.names.people;
    if (person.find(':') != std::string_view::npos || people.contains(std::string{person})) return;
    std::vector<std::string> known;
    for (const auto& [name, index] : people) known.push_back(name);
    warn("unknown_person", file, at,
         fmt::format("there is no person `{}`{}; nobody behind a request is ever called so", visible(person),
                     NodeReader::hint(person, known)),
         rule);
}

// Addresses of two people that reach one mailbox: perhaps they are one person, who would have two votes.
void Lint::lint_addresses() {
    std::map<std::string, std::size_t> first;
    const auto& people = loaded_.policy.people;
    for (std::size_t i = 0; i < people.size(); ++i) {
        for (const core::AccountId& account : people[i].accounts) {
            auto of = core::parts(account);
            if (of.kind != "email") continue;
            auto [known, fresh] = first.try_emplace(core::folded_email(of.id), i);
            if (fresh || known->second == i) continue;
            warn("one_mailbox", loaded_.people[i].file, place_of(*loaded_.people[i].key),
                 fmt::format(
                     "`{}` and `{}` have addresses that reach one mailbox ({}); if they are one person, "
                     "list both under one name",
                     people[known->second].name.text(), people[i].name.text(), visible(of.id)));
        }
    }
}

// A group that others are made of is used where one of them is.
std::set<std::string> Lint::groups_used() const {
    std::set<std::string> used;
    std::vector<std::string> open(loaded_.names.groups_used.begin(), loaded_.names.groups_used.end());
    while (!open.empty()) {
        const std::string name = std::move(open.back());
        open.pop_back();
        if (!used.insert(name).second) continue;
        const core::GroupRecord& group = loaded_.policy.groups[loaded_.names.groups.at(name)];
        const auto* combined = std::get_if<core::GroupRecord::Combined>(&group.members);
        if (!combined) continue;
        for (const auto* parts : {&combined->of, &combined->except})
            for (const auto& part : *parts)
                if (const auto* of = std::get_if<core::GroupId>(&part)) open.push_back(of->text());
    }
    return used;
}

void Lint::lint_groups() {
    const auto used = groups_used();
    for (const auto& [name, index] : loaded_.names.groups) {
        const NameSource& source = loaded_.groups[index];
        const core::GroupRecord& group = loaded_.policy.groups[index];
        const bool combined = std::holds_alternative<core::GroupRecord::Combined>(group.members);
        if (combined && members_[index].empty() && offline_->members(group.name))
            warn("unmeetable", source.file, place_of(*source.key),
                 fmt::format("group `{}` is empty: nobody is in all that it is made of", name));
        if (!used.contains(name))
            warn("unused_group", source.file, place_of(*source.key),
                 fmt::format("no rule asks for group `{}`", name));
        else if (members_[index].size() == 1)
            warn("one_member", source.file, place_of(*source.key),
                 fmt::format("group `{}` has one member: nobody else can approve while `{}` is away, and "
                             "nobody at all what `{}` asks for",
                             name, members_[index].front().text(), members_[index].front().text()));
        std::vector<core::PersonId> silent;
        for (const core::PersonId& person : combined ? std::vector<core::PersonId>{} : members_[index]) {
            const auto& accounts = loaded_.policy.people[loaded_.names.people.at(person.text())].accounts;
            if (std::ranges::none_of(accounts, [](const core::AccountId& one) { return core::in_chat(one); }))
                silent.push_back(person);
        }
        if (!silent.empty())
            warn("no_chat_account", source.file, place_of(*source.key),
                 fmt::format("{} of group `{}` {} no account in a chat here, by which alone people vote",
                             some_names(silent), name, silent.size() == 1 ? "has" : "have"));
    }
}

}  // namespace countersign::policy
