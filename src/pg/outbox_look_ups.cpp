#include <string>
#include <utility>
#include <vector>

#include "pg/outbox_store.hpp"
#include "pg/rows.hpp"

// What is known of cards beside the work on them: where they are, and why they are nowhere.
namespace countersign::pg {
namespace {

constexpr Query requests_shown_in{
    "SELECT DISTINCT c.request_id FROM card c LEFT JOIN batch b ON b.id = c.batch_id "
    "WHERE c.request_id = ANY ($1::uuid[]) AND c.surface = $2 "
    "AND coalesce(c.message_channel, b.message_channel) = $3"};

constexpr Query keep_problem{
    "UPDATE card SET problem = $2, fell_back = $3, held_until = $4 WHERE id = $1 "
    "AND (problem, fell_back, held_until) IS DISTINCT FROM ($2, $3, $4)"};
const std::string select_problems =
    "SELECT c.request_id, c.surface, c.channel, coalesce(c.problem, ''), c.fell_back, EXISTS (SELECT FROM "
    "card "
    "other LEFT JOIN batch b ON b.id = other.batch_id WHERE other.request_id = c.request_id AND "
    "(other.fell_back OR other.message IS NOT NULL OR b.message IS NOT NULL)), c.held_until FROM card c "
    "WHERE NOT c.closed AND ";
const std::string has_problem = "(c.problem IS NOT NULL AND (c.fell_back OR c.message IS NULL))";
const Query problems_of_request =
    composed(select_problems + "(" + has_problem +
             " OR c.held_until IS NOT NULL) AND c.request_id = $1 ORDER BY c.id LIMIT $2");
const Query all_problems = composed(select_problems + has_problem + " ORDER BY c.id DESC LIMIT $1");
constexpr Query messages_of_requests{
    "SELECT DISTINCT ON (c.request_id) c.request_id, coalesce(c.message_channel, b.message_channel), "
    "coalesce(c.message, b.message) FROM card c LEFT JOIN batch b ON b.id = c.batch_id "
    "WHERE c.request_id = ANY ($1::uuid[]) AND c.surface = $2 AND coalesce(c.message, b.message) IS NOT NULL "
    "ORDER BY c.request_id, c.id"};

}  // namespace

Later<std::vector<core::RequestId>> PgOutboxStore::shown_in(app::CardTarget where,
                                                            std::vector<core::RequestId> requests,
                                                            Deadline deadline) {
    using Requests = std::vector<core::RequestId>;
    auto job = [where = std::move(where),
                requests = std::move(requests)](Session& session) -> Result<Requests> {
        auto rows = again_if_lost(session, requests_shown_in,
                                  Arguments::of(requests, core::name_of(where.surface), where.channel));
        if (!rows) return pass(rows);
        Requests shown;
        for (const auto& row : *rows)
            if (auto id = id_from<core::RequestId>(view(row[0]))) shown.push_back(*id);
        return shown;
    };
    return run_job<Requests>(pool_, rt::Lane::background, clock_, deadline, std::move(job));
}

Later<std::vector<std::pair<core::RequestId, app::MessageRef>>> PgOutboxStore::messages_of(
    core::Surface surface, std::vector<core::RequestId> requests, Deadline deadline) {
    using Messages = std::vector<std::pair<core::RequestId, app::MessageRef>>;
    return run_job<Messages>(
        pool_, rt::Lane::interactive, clock_, deadline,
        [surface, requests = std::move(requests)](Session& session) -> Result<Messages> {
            auto rows =
                again_if_lost(session, messages_of_requests, Arguments::of(requests, core::name_of(surface)));
            if (!rows) return pass(rows);
            Messages messages;
            for (const auto& row : *rows)
                if (auto id = id_from<core::RequestId>(view(row[0])))
                    messages.emplace_back(
                        *id, app::MessageRef{std::string(view(row[1])), std::string(view(row[2]))});
            return messages;
        });
}

Later<Done> PgOutboxStore::note_problem(core::CardId card, app::CardNote note, Deadline deadline) {
    std::optional<std::string> kept;
    if (!note.problem.empty()) kept = clip_utf8(note.problem, app::card_problem_bytes_max);
    const bool fell_back = note.fell_back && kept;
    auto job = [=, held = note.held_until](Session& session) -> Result<Done> {
        auto noted = again_if_lost(session, keep_problem, Arguments::of(card, kept, fell_back, held));
        if (!noted) return pass(noted);
        return Done{};
    };
    return run_job<Done>(pool_, rt::Lane::background, clock_, deadline, std::move(job));
}

Later<std::vector<app::CardProblem>> PgOutboxStore::problems(std::optional<core::RequestId> request,
                                                             std::size_t at_most, Deadline deadline) {
    using Problems = std::vector<app::CardProblem>;
    auto job = [=](Session& session) -> Result<Problems> {
        auto rows = request ? again_if_lost(session, problems_of_request, Arguments::of(*request, at_most))
                            : again_if_lost(session, all_problems, Arguments::of(at_most));
        if (!rows) return pass(rows);
        Problems all;
        for (const auto& row : *rows) {
            auto id = id_from<core::RequestId>(view(row[0]));
            auto surface = core::parse_surface(view(row[1]));
            if (!id || !surface) return fail(Trouble::corrupt, "a card's row is not readable");
            all.push_back({*id,
                           {*surface, std::string(view(row[2]))},
                           std::string(view(row[3])),
                           view(row[4]) == "t",
                           view(row[5]) == "t",
                           instant_from(row[6])});
        }
        return all;
    };
    return run_job<Problems>(pool_, rt::Lane::background, clock_, deadline, std::move(job));
}

}  // namespace countersign::pg
