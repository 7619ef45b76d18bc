import { describeConformance } from "./conformance.ts";
import { openPostgresUnderTest } from "./postgres-under-test.ts";

describeConformance("the PostgreSQL store", openPostgresUnderTest);
