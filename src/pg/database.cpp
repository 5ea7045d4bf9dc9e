#include <utility>

#include "countersign/adapters/pg.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "pg/audit_store.hpp"
#include "pg/batch_store.hpp"
#include "pg/case_store.hpp"
#include "pg/erase_store.hpp"
#include "pg/event_log.hpp"
#include "pg/expired_rows.hpp"
#include "pg/outbox_store.hpp"
#include "pg/people_store.hpp"
#include "pg/reference_store.hpp"
#include "pg/schema.hpp"
#include "pg/shown_store.hpp"
#include "pg/stream_position_store.hpp"
#include "pg/token_store.hpp"
#include "pg/tree_store.hpp"
#include "pg/webhook_store.hpp"

namespace countersign::pg {
namespace {

Pool::Limits limits_of(const PgSettings& settings) {
    return {.threads = std::max<std::size_t>(settings.pool, 1),
            .background = std::max<std::size_t>(std::min(settings.background, settings.pool), 1),
            .queue_max = settings.queue_max};
}

class PgDatabase final : public Database {
  public:
    PgDatabase(PgSettings settings, rt::asio::any_io_executor executor, const rt::Clock& clock,
               rt::Entropy& entropy)
        : health_(std::move(settings)),
          pool_(std::move(executor), limits_of(health_.settings()),
                [this] { return std::make_unique<Session>(health_); }),
          sealing_(health_.settings().server_keys),
          cases_(pool_, sealing_, clock, entropy,
                 std::max<std::size_t>(health_.settings().append_batches, 1)),
          outbox_(pool_, clock, entropy),
          batches_(pool_, sealing_, clock, entropy),
          tokens_(pool_, sealing_, clock),
          events_(pool_, sealing_, cases_.reader(), clock),
          tree_(pool_, sealing_, clock),
          audit_(pool_, sealing_, clock),
          erase_(pool_, clock),
          webhooks_(pool_, sealing_, clock),
          people_(pool_, sealing_, clock),
          references_(pool_, sealing_, clock),
          shown_(pool_, sealing_, clock),
          streams_(pool_, clock),
          expired_(pool_, clock),
          clock_(clock) {}
    ~PgDatabase() override { stop(); }

    app::CaseStore& cases() override { return cases_; }
    app::OutboxStore& outbox() override { return outbox_; }
    app::BatchStore& batches() override { return batches_; }
    app::TokenStore& tokens() override { return tokens_; }
    app::EventLog& events() override { return events_; }
    app::TreeStore& tree() override { return tree_; }
    app::AuditStore& audit() override { return audit_; }
    app::EraseStore& erase() override { return erase_; }
    app::SubscriptionStore& subscriptions() override { return webhooks_; }
    app::DeliveryStore& deliveries() override { return webhooks_; }
    app::PeopleStore& people() override { return people_; }
    app::LinkCodeStore& link_codes() override { return people_; }
    app::SeenTokens& seen_tokens() override { return tokens_; }
    app::ReferenceStore& references() override { return references_; }
    app::ShownStore& shown() override { return shown_; }
    app::StreamPositions& streams() override { return streams_; }
    app::ExpiredRows& expired() override { return expired_; }
    bool reachable() const override { return health_.up(); }
    std::string problem() const override { return health_.problem(); }
    std::string warning() const override { return health_.warning(); }
    std::size_t queued() const override { return pool_.queued() + cases_.waiting(); }
    void stop() override {
        pool_.stop();
        health_.stop();
    }
    Later<SchemaReport> schema(Deadline deadline) override {
        return run_job<SchemaReport>(
            pool_, rt::Lane::interactive, clock_, deadline, [](Session& session) -> Result<SchemaReport> {
                SchemaReport report;
                auto read = session.inspect([&](auto& work) { report = schema_report(work); });
                if (read) return report;
                session.forget();
                bool away = read.error().kind == SqlTrouble::Kind::unreachable;
                return SchemaReport{SchemaState::unreachable,
                                    away ? "the database cannot be reached"
                                         : "the database cannot be read: " + read.error().detail};
            });
    }

  private:
    Health health_;
    Pool pool_;
    Sealing sealing_;
    PgCaseStore cases_;
    PgOutboxStore outbox_;
    PgBatchStore batches_;
    PgTokenStore tokens_;
    PgEventLog events_;
    PgTreeStore tree_;
    PgAuditStore audit_;
    PgEraseStore erase_;
    PgWebhookStore webhooks_;
    PgPeopleStore people_;
    PgReferenceStore references_;
    PgShownStore shown_;
    PgStreamPositions streams_;
    PgExpiredRows expired_;
    const rt::Clock& clock_;
};

}  // namespace

std::unique_ptr<Database> open_database(PgSettings settings, rt::asio::any_io_executor executor,
                                        const rt::Clock& clock, rt::Entropy& entropy) {
    return std::make_unique<PgDatabase>(std::move(settings), std::move(executor), clock, entropy);
}

}  // namespace countersign::pg
