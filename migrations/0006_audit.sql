CREATE TABLE `audit` (
	`owner` text NOT NULL,
	`seq` integer NOT NULL,
	`id` text NOT NULL,
	`at_ms` integer NOT NULL,
	`actor` text NOT NULL,
	`actor_owner` text NOT NULL,
	`act` text NOT NULL,
	`object` text NOT NULL,
	`details` text NOT NULL,
	`reason` text,
	`request_id` text NOT NULL,
	`seal` text NOT NULL,
	`previous_hash` text,
	`hash` text,
	PRIMARY KEY(`owner`, `seq`)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `audit_id_unique` ON `audit` (`id`);--> statement-breakpoint
CREATE INDEX `audit_object` ON `audit` (`owner`,`object`,`seq`);--> statement-breakpoint
CREATE INDEX `audit_time` ON `audit` (`at_ms`,`owner`,`seq`);--> statement-breakpoint
CREATE INDEX `audit_unchained` ON `audit` (`owner`,`seq`) WHERE "audit"."hash" is null;--> statement-breakpoint
CREATE TABLE `audit_heads` (
	`owner` text PRIMARY KEY NOT NULL,
	`seq` integer NOT NULL,
	`hash` text NOT NULL
);
