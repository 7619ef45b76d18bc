import { describeConformance } from "../../../packages/store/test/conformance/conformance.ts";
import { openMemoryUnderTest } from "./memory-under-test.ts";

describeConformance("the store in memory", openMemoryUnderTest);
