#pragma once
#include <pqxx/transaction_base>

#include "countersign/adapters/pg.hpp"

namespace countersign::pg {

// How the database's migrations compare with those of this program. Throws what pqxx throws.
SchemaReport schema_report(pqxx::transaction_base& work);

}  // namespace countersign::pg
