#include "core/sentences.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "core/eligibility.hpp"
#include "core/lists.hpp"
#include "countersign/base/text.hpp"

namespace countersign::core {
namespace {

std::string because(const std::string& reason) {
    return reason.empty() ? "" : ": " + visible(reason);
}

std::string deciders(const Ruling& ruling, Verdict verdict) {
    std::vector<std::string> names;
    for (const VoteMark& vote : ruling.votes)
        if (vote.verdict == verdict && (verdict == Verdict::deny || vote.counted_for))
            names.push_back(person_text(vote.person));
    return names.empty() ? "the policy" : join(names, " and ");
}

}  // namespace

std::string person_text(const PersonId& person) {
    return visible(person.text());
}

std::string command_text(const AccountId& account, std::string_view words) {
    const ChatKind* chat = chat_kind(parts(account).kind);
    return fmt::format("`{} {}`", chat ? chat->command : "countersign", words);
}

std::string group_names(const std::vector<GroupId>& groups) {
    std::vector<std::string> names;
    for (const GroupId& group : groups) names.push_back(group.text());
    return join(names, " or ");
}

std::string self_approval_sentence(const Case& c, const Standing& voter) {
    // A request that was never filed has no number that a command could name.
    const std::string cancel =
        c.request->number == 0 ? std::string{"you can cancel it"}
                               : "you can cancel it with " +
                                     command_text(voter.account, fmt::format("cancel {}", c.request->number));
    const auto& own = c.applied->self_approval;
    if (!own || std::ranges::find(own->allow, voter.person) == own->allow.end())
        return fmt::format("You are behind this request, so somebody else has to vote on it; {}.", cancel);
    if (!voter.self_approval)
        return fmt::format(
            "The policy lets {} approve requests of their own, but only from an account that it lists under "
            "`people:`, and {} is not listed there; {}.",
            person_text(voter.person), visible(voter.account.text()), cancel);
    return fmt::format(
        "You are behind this request: the policy lets you approve it, and {}; everything else is for others "
        "to do.",
        cancel);
}

std::string not_on_call_sentence(const GroupId& group) {
    return fmt::format(
        "Who is on call for {} is not known just now: the on-call service has not said it lately, so nobody "
        "is taken for it. Try again in a moment, or have somebody of another group approve.",
        group.text());
}

std::string not_releaser_sentence(const PersonId& holder, const std::vector<GroupId>& groups) {
    if (groups.empty())
        return fmt::format("Only {}, who holds this request, can release it; ask them to.",
                           person_text(holder));
    std::vector<std::string> names;
    for (const GroupId& group : groups) names.push_back(group.text());
    return fmt::format(
        "Only {}, who holds this request, or a member of {}{} can release it; ask one of them.",
        person_text(holder), names.size() == 1 ? "" : "each of ", join(names, " and "));
}

namespace {

bool is_among(const Case& c, const Standing& standing, std::span<const PersonId> spoken,
              const std::vector<GroupId>& groups) {
    return std::ranges::any_of(slots_open_to(c, standing, spoken),
                               [&](const GroupId& group) { return contains(groups, group); });
}

bool is_among_any_turn(const Case& c, Standing standing, std::span<const PersonId> spoken,
                       const std::vector<GroupId>& groups) {
    standing.filled_last.clear();
    return is_among(c, standing, spoken, groups);
}

Refusal no_member(const std::vector<GroupId>& groups, std::string_view what) {
    return {Why::not_eligible,
            fmt::format("Only members of {} can {} this request; ask to be added there, or ask one of them.",
                        group_names(groups), what)};
}

}  // namespace

std::optional<Refusal> may_not_approve(const Case& c, const Standing& voter,
                                       std::span<const PersonId> spoken) {
    const auto groups = groups_of(c.applied);
    if (is_among(c, voter, spoken, groups)) return std::nullopt;
    if (!is_among_any_turn(c, voter, spoken, groups)) {
        if (voter.stands_in.empty()) return no_member(groups, "approve");
        return Refusal{Why::not_eligible,
                       fmt::format("You could approve this in place of {}, who has voted themselves; ask "
                                   "another member of {}.",
                                   person_text(voter.stands_in.front().person), group_names(groups))};
    }
    return Refusal{Why::filled_last,
                   fmt::format("You approved one of the last of these for {}, and the policy asks for "
                               "somebody else this time.",
                               group_names(voter.filled_last))};
}

std::optional<Refusal> may_not_object(const Case& c, const Standing& voter, std::string_view what) {
    const auto groups = denial_groups_of(c.applied);
    if (is_among_any_turn(c, voter, {}, groups)) return std::nullopt;
    return no_member(groups, what);
}

std::string denial_text(const Denial& deny) {
    std::vector<std::string> counts;
    for (const CountOf& one : deny.counts)
        counts.push_back(fmt::format("{} of {}", one.count, one.of.text()));
    return join(counts, " or ");
}

std::string decided_sentence(const Case& c, const Ruling& ruling) {
    switch (ruling.state) {
        case State::pending:
            return "This request is still pending.";
        case State::approved:
            return fmt::format("This request was already approved by {}.",
                               deciders(ruling, Verdict::approve));
        case State::denied:
            return fmt::format("This request was already denied by {}{}", deciders(ruling, Verdict::deny),
                               ruling.reason.empty() ? "." : because(ruling.reason));
        case State::refused:
            return "This request was refused by the policy" + because(ruling.reason);
        case State::expired:
            return fmt::format("This request expired at {}; file it again if it is still wanted.",
                               rfc3339(c.request->expires_at));
        case State::cancelled: {
            auto entry = std::ranges::find_if(
                c.entries, [](const Entry& one) { return std::holds_alternative<Cancelled>(one); });
            if (entry == c.entries.end()) return "This request was cancelled.";
            if (const auto& less = std::get<Cancelled>(*entry).narrowed)
                return fmt::format("This request was lowered by {} ({}); {} takes its place.",
                                   visible(std::get<Cancelled>(*entry).by.text()), visible(less->what),
                                   less->into.text());
            if (const auto& newer = std::get<Cancelled>(*entry).superseded_by)
                return fmt::format("This request was ended by a newer one, {}, which takes its turn.",
                                   newer->text());
            return fmt::format("This request was cancelled by {}{}",
                               visible(std::get<Cancelled>(*entry).by.text()),
                               ruling.reason.empty() ? "." : because(ruling.reason));
        }
        case State::claimed:
        case State::succeeded:
        case State::failed:
            return fmt::format("This request was already approved by {}, and the approval was used.",
                               deciders(ruling, Verdict::approve));
        case State::lapsed:
            return "This request was approved, but nobody claimed the approval in time.";
    }
    return {};
}

namespace {

// What makes a human behind a request somebody else for sure, seen from the voter's own workspace.
std::string way_to_link(const AccountId& human, const AccountParts& home) {
    auto of = parts(human);
    if (of.kind.empty()) return fmt::format("list {} under `people:` in the policy", visible(human.text()));
    if (in_chat(human))
        return fmt::format("{} asks for a code there with {} and gives it here", visible(human.text()),
                           command_text(human, "link"));
    return fmt::format("an administrator runs `countersign people link {} {}:{}/<their user id>`",
                       visible(human.text()), home.kind, home.workspace);
}

}  // namespace

std::string unlinked_sentence(const std::vector<AccountId>& humans, const AccountId& voter) {
    std::vector<std::string> names;
    std::vector<std::string> ways;
    for (const AccountId& human : humans) {
        names.push_back(visible(human.text()));
        ways.push_back(way_to_link(human, parts(voter)));
    }
    return fmt::format(
        "Nothing shows that you are not {0}, who {1} behind this request. Either {2}, or the policy lists "
        "{3} and you under `people:`.",
        join(names, " or "), humans.size() == 1 ? "is" : "are", join(ways, " and "), join(names, " and "));
}

std::optional<Refusal> wrong_class(const Standing& voter, bool stale) {
    switch (voter.klass) {
        case AccountClass::member:
            return std::nullopt;
        case AccountClass::guest:
            return Refusal{Why::guest, "Guests of a workspace cannot vote; ask a full member to."};
        case AccountClass::bot:
            return Refusal{Why::bot, "Bots cannot vote; a person has to."};
        case AccountClass::deleted:
            return Refusal{Why::deleted,
                           "This account is deactivated; an admin of the workspace can restore it."};
        case AccountClass::foreign:
            return Refusal{Why::foreign,
                           "People of other workspaces cannot vote; ask a member of this workspace to."};
        case AccountClass::unknown:
            break;
    }
    // Its chat was asked, and asking again changes nothing.
    if (!stale)
        return Refusal{
            Why::not_eligible,
            fmt::format(
                "The chat does not say that {} is the account of a full member, so it cannot vote, and "
                "trying again changes nothing. Ask whoever runs this service: its log says what is "
                "missing.",
                visible(voter.account.text()))};
    return Refusal{
        Why::directory_stale,
        fmt::format("Nothing is known yet about the account {}; try again in a moment, or vote from a "
                    "chat account that the policy lists.",
                    visible(voter.account.text()))};
}

}  // namespace countersign::core
