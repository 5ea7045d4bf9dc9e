#include "pg/reference_store.hpp"

#include <utility>

#include "countersign/base/log.hpp"
#include "pg/rows.hpp"

namespace countersign::pg {
namespace {

const std::string select_reference =
    "SELECT chat, conversation, service_url, tenant, person, chat_person, gone, heard_at, encode(seal, "
    "'hex') "
    "FROM conversation_reference ";
const Query reference_query = composed(select_reference + "WHERE chat = $1 AND conversation = $2");
const Query of_person_query = composed(
    select_reference + "WHERE chat = $1 AND tenant = $2 AND person = $3 ORDER BY heard_at DESC LIMIT 1");
constexpr Query keep_reference{
    "INSERT INTO conversation_reference AS kept (chat, conversation, service_url, tenant, person, "
    "chat_person, "
    "gone, heard_at, seal) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (chat, conversation) DO "
    "UPDATE "
    "SET service_url = $3, tenant = $4, person = $5, chat_person = $6, gone = $7, heard_at = $8, seal = $9 "
    "WHERE kept.heard_at <= $8"};

app::SealInput seal_input(const app::ConversationReference& reference) {
    app::SealInput input("conversation_reference");
    input.add(core::name_of(reference.chat)).add(reference.conversation).add(reference.service_url);
    input.add(reference.tenant).add(reference.user).add(reference.chat_user);
    return input.add(std::int64_t{reference.gone}).add(core::rfc3339(reference.heard_at));
}

Result<app::ConversationReference> reference_from(const pqxx::row& row, const app::Seals& seals) {
    auto chat = core::parse_surface(view(row[0]));
    auto heard = instant_from(row[7]);
    auto seal = seal_from(view(row[8]));
    if (!chat || !heard || !seal) return fail(Trouble::corrupt, "a conversation's row is not readable");
    app::ConversationReference reference{.chat = *chat,
                                         .conversation = std::string(view(row[1])),
                                         .service_url = std::string(view(row[2])),
                                         .tenant = std::string(view(row[3])),
                                         .user = std::string(view(row[4])),
                                         .chat_user = std::string(view(row[5])),
                                         .gone = view(row[6]) == "t",
                                         .heard_at = *heard};
    auto check = seals.check(seal_input(reference), *seal);
    if (check == app::SealCheck::holds) return reference;
    Failure failure = unsealed(check, "the reference to a conversation");
    log::error("pg", "{}; it is as if it were not there", failure.detail);
    return std::unexpected(std::move(failure));
}

}  // namespace

Later<app::ConversationReference> PgReferenceStore::one(const Query& query, Arguments arguments,
                                                        Deadline deadline) {
    using Reference = app::ConversationReference;
    return run_job<Reference>(
        pool_, rt::Lane::background, clock_, deadline,
        [this, query, arguments = std::move(arguments)](Session& session) -> Result<Reference> {
            auto rows = again_if_lost(session, query, arguments);
            if (!rows) return pass(rows);
            if (rows->empty())
                return fail(Trouble::not_found, "nothing was heard from this conversation yet");
            auto seals = sealing_.of(session);
            if (!seals) return std::unexpected(as_failure(seals.error()));
            return reference_from((*rows)[0], **seals);
        });
}

Later<app::ConversationReference> PgReferenceStore::find(core::Surface chat, std::string conversation,
                                                         Deadline deadline) {
    return one(reference_query, Arguments::of(core::name_of(chat), conversation), deadline);
}

Later<app::ConversationReference> PgReferenceStore::of_person(core::Surface chat, std::string tenant,
                                                              std::string user, Deadline deadline) {
    return one(of_person_query, Arguments::of(core::name_of(chat), tenant, user), deadline);
}

Later<Done> PgReferenceStore::keep(app::ConversationReference reference, Deadline deadline) {
    return run_job<Done>(
        pool_, rt::Lane::background, clock_, deadline,
        [this, reference = std::move(reference)](Session& session) -> Result<Done> {
            auto seals = sealing_.of(session);
            if (!seals) return std::unexpected(as_failure(seals.error()));
            auto seal = (*seals)->seal(seal_input(reference));
            auto kept =
                again_if_lost(session, keep_reference,
                              Arguments::of(core::name_of(reference.chat), reference.conversation,
                                            reference.service_url, reference.tenant, reference.user,
                                            reference.chat_user, reference.gone, reference.heard_at, seal));
            if (!kept) return pass(kept);
            return Done{};
        });
}

}  // namespace countersign::pg
