CREATE TABLE `api_keys` (
	`id` text PRIMARY KEY NOT NULL,
	`hash` text NOT NULL,
	`name` text NOT NULL,
	`partner` text,
	`scopes` text NOT NULL,
	`trunks` text NOT NULL,
	`expires_at_ms` integer,
	`revoked_at_ms` integer,
	`created_at_ms` integer NOT NULL,
	FOREIGN KEY (`partner`) REFERENCES `partners`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `api_keys_partner` ON `api_keys` (`partner`);--> statement-breakpoint
CREATE TABLE `batches` (
	`number` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`owner` text NOT NULL,
	`idempotency_key` text NOT NULL,
	`fingerprint` text NOT NULL,
	`partner` text NOT NULL,
	`brand` text NOT NULL,
	`profile` text,
	`kind` text NOT NULL,
	`mode` text NOT NULL,
	`quantity` integer NOT NULL,
	`format` text NOT NULL,
	`key_id` text NOT NULL,
	`credit_micros` integer NOT NULL,
	`currency` text NOT NULL,
	`expiry_at` text,
	`expiry_days_after_first_use` integer,
	`expiry_days_after_issue` integer,
	`time_zone` text NOT NULL,
	`max_devices` integer NOT NULL,
	`activation` text NOT NULL,
	`on_expired_top_up` text NOT NULL,
	`grace_days` integer NOT NULL,
	`bonus` text,
	`label` text,
	`created_at_ms` integer NOT NULL,
	`standing_version` integer DEFAULT 1 NOT NULL,
	`status` text DEFAULT 'active' NOT NULL,
	`untouched_recalled` integer DEFAULT false NOT NULL,
	`recalled_ranges` text DEFAULT '[]' NOT NULL,
	FOREIGN KEY (`partner`) REFERENCES `partners`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`brand`) REFERENCES `brands`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "batches_quantity" CHECK("batches"."quantity" between 1 and 33554431),
	CONSTRAINT "batches_number" CHECK("batches"."number" between 1 and 33554431)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `batches_idempotency` ON `batches` (`owner`,`idempotency_key`);--> statement-breakpoint
CREATE INDEX `batches_partner` ON `batches` (`partner`,`number`);--> statement-breakpoint
CREATE TABLE `brand_versions` (
	`brand` text NOT NULL,
	`version` integer NOT NULL,
	`document` text NOT NULL,
	`published_at_ms` integer NOT NULL,
	`published_by` text NOT NULL,
	PRIMARY KEY(`brand`, `version`),
	FOREIGN KEY (`brand`) REFERENCES `brands`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `brands` (
	`id` text PRIMARY KEY NOT NULL,
	`partner` text NOT NULL,
	`draft` text NOT NULL,
	`published_version` integer DEFAULT 0 NOT NULL,
	FOREIGN KEY (`partner`) REFERENCES `partners`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `cards` (
	`batch` integer NOT NULL,
	`card` integer NOT NULL,
	`version` integer NOT NULL,
	`status` text NOT NULL,
	`available_micros` integer NOT NULL,
	`held_micros` integer NOT NULL,
	`spent_micros` integer NOT NULL,
	`reversed_micros` integer NOT NULL,
	`expired_micros` integer NOT NULL,
	`credits_micros` integer NOT NULL,
	`debt_micros` integer NOT NULL,
	`devices` integer NOT NULL,
	`open_holds` integer NOT NULL,
	`first_used_at_ms` integer,
	`expires_at_ms` integer,
	`changed_at_ms` integer NOT NULL,
	`projected_at_ms` integer NOT NULL,
	PRIMARY KEY(`batch`, `card`)
);
--> statement-breakpoint
CREATE TABLE `partner_limits` (
	`partner` text NOT NULL,
	`currency` text NOT NULL,
	`outstanding_micros` integer NOT NULL,
	`credit_per_day_micros` integer NOT NULL,
	`max_face_value_micros` integer NOT NULL,
	PRIMARY KEY(`partner`, `currency`),
	FOREIGN KEY (`partner`) REFERENCES `partners`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `partners` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`status` text NOT NULL,
	`time_zone` text NOT NULL,
	`created_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `profiles` (
	`partner` text NOT NULL,
	`id` text NOT NULL,
	`trunk` text NOT NULL,
	`document` text NOT NULL,
	PRIMARY KEY(`partner`, `id`),
	FOREIGN KEY (`partner`) REFERENCES `partners`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`trunk`) REFERENCES `trunks`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `trunk_partners` (
	`trunk` text NOT NULL,
	`partner` text NOT NULL,
	PRIMARY KEY(`trunk`, `partner`),
	FOREIGN KEY (`trunk`) REFERENCES `trunks`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`partner`) REFERENCES `partners`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `trunks` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`domain` text NOT NULL,
	`realm` text NOT NULL,
	`proxies` text NOT NULL,
	`web_sockets` text NOT NULL,
	`route_group` text,
	`tech_prefix` text,
	`digest_mac` text NOT NULL,
	`digest_algorithm` text NOT NULL,
	`digest_secret` text NOT NULL,
	`ice_urls` text,
	`ice_secret` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `trunks_domain_unique` ON `trunks` (`domain`);