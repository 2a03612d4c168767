CREATE TABLE `card_action_results` (
	`action` integer NOT NULL,
	`position` integer NOT NULL,
	`serial` text NOT NULL,
	`status` text,
	`code` text,
	`detail` text,
	PRIMARY KEY(`action`, `position`),
	FOREIGN KEY (`action`) REFERENCES `card_actions`(`number`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `card_actions` (
	`number` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`owner` text NOT NULL,
	`id` text NOT NULL,
	`fingerprint` text NOT NULL,
	`partner` text,
	`actor` text NOT NULL,
	`action` text NOT NULL,
	`reason` text NOT NULL,
	`targets` text NOT NULL,
	`dry_run` integer NOT NULL,
	`total` integer NOT NULL,
	`done` integer DEFAULT 0 NOT NULL,
	`failed` integer DEFAULT 0 NOT NULL,
	`position` integer DEFAULT 0 NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`created_at_ms` integer NOT NULL,
	`updated_at_ms` integer NOT NULL,
	`due_at_ms` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `card_actions_id` ON `card_actions` (`owner`,`id`);--> statement-breakpoint
CREATE INDEX `card_actions_due` ON `card_actions` (`due_at_ms`) WHERE "card_actions"."due_at_ms" is not null;