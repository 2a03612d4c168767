CREATE TABLE `credit_reservations` (
	`batch` integer NOT NULL,
	`card` integer NOT NULL,
	`id` text NOT NULL,
	`partner` text NOT NULL,
	`currency` text NOT NULL,
	`day` text NOT NULL,
	`amount_micros` integer NOT NULL,
	`attempts` integer NOT NULL,
	`applied_at_ms` integer,
	`reserved_at_ms` integer NOT NULL,
	PRIMARY KEY(`batch`, `card`, `id`)
);
--> statement-breakpoint
CREATE INDEX `credit_reservations_day` ON `credit_reservations` (`partner`,`currency`,`day`,`amount_micros`);--> statement-breakpoint
CREATE INDEX `credit_reservations_recent` ON `credit_reservations` (`partner`,`currency`,`reserved_at_ms`);